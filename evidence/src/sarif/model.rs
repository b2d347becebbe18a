//! The parts of SARIF that are read.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::expected::{Named, Reference};
use crate::json::{self, Capped, Each, Fold, Number, Text};
use crate::tally;

/// Most results of a run.
pub(super) const MAX_RESULTS: usize = 200_000;

/// Most rules of a component of a tool.
pub(super) const MAX_RULES: usize = 20_000;

/// Most extensions of a tool.
const MAX_EXTENSIONS: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run<'a> {
    #[serde(borrow)]
    pub(super) tool: Option<Tool<'a>>,
    #[serde(borrow)]
    pub(super) results: Option<Capped<Outcome<'a>, MAX_RESULTS>>,
    #[serde(borrow, default)]
    pub(super) invocations: Each<Invocation<'a>>,
    #[serde(borrow)]
    pub(super) properties: Option<RunProperties<'a>>,
    #[serde(borrow, default)]
    pub(super) version_control_provenance: Each<Provenance<'a>>,
}

#[derive(Default, Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(borrow)]
    pub(super) driver: Component<'a>,
    #[serde(borrow, default)]
    pub(super) extensions: Capped<Component<'a>, MAX_EXTENSIONS>,
}

/// The tool itself, or a part of it that brings rules along.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    semantic_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) rules: Capped<Rule<'a>, MAX_RULES>,
}

impl Component<'_> {
    /// The name and version.
    pub(super) fn text(&self) -> String {
        let version = self.semantic_version.as_ref().or(self.version.as_ref());
        let (name, version) = (Text::or_empty(&self.name), version.map(Text::as_str));
        tally::tool(Some(name), version, "sarif")
    }

    /// The name alone.
    pub(super) fn name(&self) -> String {
        tally::tool(Some(Text::or_empty(&self.name)), None, "sarif")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    default_configuration: Option<Configuration<'a>>,
    properties: Option<Scored>,
}

impl Rule<'_> {
    /// Its `security-severity`.
    pub(super) fn score(&self) -> Option<Number> {
        self.properties.as_ref()?.security_severity
    }

    /// The level of its results, unless they say otherwise.
    pub(super) fn level(&self) -> Option<&str> {
        let configuration = self.default_configuration.as_ref()?;
        configuration.level.as_ref().map(Text::as_str)
    }
}

#[derive(Deserialize)]
struct Configuration<'a> {
    #[serde(borrow)]
    level: Option<Text<'a>>,
}

/// Properties that may have a score.
#[derive(Deserialize)]
pub(super) struct Scored {
    #[serde(rename = "security-severity")]
    pub(super) security_severity: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome<'a> {
    #[serde(borrow)]
    pub(super) rule_id: Option<Text<'a>>,
    pub(super) rule_index: Option<i64>,
    #[serde(borrow)]
    pub(super) rule: Option<RuleReference<'a>>,
    #[serde(borrow)]
    pub(super) level: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) baseline_state: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) suppressions: Each<Suppression<'a>>,
    #[serde(borrow, default)]
    pub(super) locations: Each<Location<'a>>,
    pub(super) properties: Option<Scored>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleReference<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    pub(super) index: Option<i64>,
    pub(super) tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
pub(super) struct ComponentReference {
    pub(super) index: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Suppression<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

/// Whether a result is suppressed.
#[derive(Default)]
pub(super) struct Suppressions {
    any: bool,
    doubtful: bool,
}

impl Suppressions {
    /// SARIF 3.27.23: only if none of them is under review or rejected.
    pub(super) fn hold(&self) -> bool {
        self.any && !self.doubtful
    }
}

impl Fold for Suppression<'_> {
    type Into = Suppressions;
    fn fold(self, into: &mut Suppressions) {
        into.any = true;
        into.doubtful |= !matches!(Text::or_empty(&self.status), "accepted" | "");
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location<'a> {
    #[serde(borrow)]
    physical_location: Option<PhysicalLocation<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation<'a> {
    #[serde(borrow)]
    artifact_location: Option<ArtifactLocation<'a>>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct ArtifactLocation<'a> {
    #[serde(borrow)]
    uri: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u64>,
}

/// A file and a line of it.
pub(super) struct Place<'a> {
    file: Text<'a>,
    line: Option<u64>,
}

impl Place<'_> {
    /// As `src/main.c:12`.
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.file.as_str(), tally::line(self.line))
    }
}

impl<'a> Fold for Location<'a> {
    /// The first that names a file.
    type Into = Option<Place<'a>>;
    fn fold(self, first: &mut Option<Place<'a>>) {
        if let (None, Some(at)) = (&first, self.physical_location)
            && let Some(file) = at.artifact_location.and_then(|artifact| artifact.uri)
        {
            let line = at.region.and_then(|region| region.start_line);
            *first = Some(Place { file, line });
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation<'a> {
    execution_successful: Option<bool>,
    #[serde(borrow)]
    end_time_utc: Option<Text<'a>>,
}

/// What the invocations of a run come to.
#[derive(Default)]
pub(super) struct Invocations {
    pub(super) failed: bool,
    pub(super) ended: Option<DateTime<Utc>>,
}

impl Fold for Invocation<'_> {
    type Into = Invocations;
    fn fold(self, into: &mut Invocations) {
        into.failed |= self.execution_successful == Some(false);
        into.ended = into.ended.max(json::instant(&self.end_time_utc));
    }
}

/// What Trivy adds to a run on an image.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunProperties<'a> {
    #[serde(borrow, rename = "imageID")]
    pub(super) image_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) repo_digests: Each<Reference<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Provenance<'a> {
    #[serde(borrow)]
    revision_id: Option<Text<'a>>,
}

/// Where the sources were from. Of several repositories we cannot tell which is the component's.
#[derive(Default)]
pub(super) struct Repositories {
    number: u32,
    pub(super) commit: Option<opstella_domain::release::Commit>,
}

impl Fold for Provenance<'_> {
    type Into = Repositories;
    fn fold(self, into: &mut Repositories) {
        let mut named = Named::default();
        named.set_commit(Text::or_empty(&self.revision_id));
        into.number = into.number.saturating_add(1);
        into.commit = named.commit.filter(|_| into.number == 1);
    }
}
