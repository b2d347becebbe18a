//! Trivy's own JSON, schema version 2, of images, file systems and configuration.

use opstella_domain::evidence::ReportKind;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ReportError;
use crate::expected::{Named, Reference};
use crate::json::{self, Each, Fold, Number, Text};
use crate::parsed::Body;
use crate::shape::wrong_tool;
use crate::tally::{self, Tally};

/// Classes of results in which there are no vulnerabilities.
const WITHOUT_PACKAGES: &[&str] = &["secret", "license", "license-file", "config"];
const FORMAT: &str = "Trivy JSON";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report<'a> {
    schema_version: Option<Number>,
    #[serde(borrow)]
    trivy: Option<Program<'a>>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    artifact_name: Option<Text<'a>>,
    #[serde(borrow)]
    artifact_type: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    results: Each<Outcome<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Program<'a> {
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    /// Digest of the image's configuration.
    #[serde(borrow, rename = "ImageID")]
    image_id: Option<Text<'a>>,
    /// Only of an image from a registry, or that was pushed to one.
    #[serde(borrow, default)]
    repo_digests: Each<Reference<'a>>,
    /// Of an image with an operating system that Trivy knows.
    #[serde(rename = "OS")]
    os: Option<IgnoredAny>,
    /// Of a git repository.
    #[serde(borrow)]
    commit: Option<Text<'a>>,
}

/// What was found at one target: the packages of the system, a lock file, a Dockerfile.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome<'a> {
    #[serde(borrow)]
    target: Option<Text<'a>>,
    #[serde(borrow)]
    class: Option<Text<'a>>,
    #[serde(borrow, default)]
    vulnerabilities: Each<Vulnerability<'a>>,
    #[serde(borrow, default)]
    misconfigurations: Each<Misconfiguration<'a>>,
    #[serde(borrow, default)]
    secrets: Each<Secret<'a>>,
}

#[derive(Default)]
struct Outcomes {
    tally: Tally,
    /// There is something that `trivy config` does not look at.
    more_than_config: bool,
    /// There is something.
    any: bool,
    /// There is something of packages, in which vulnerabilities are.
    packages: bool,
}

impl Fold for Outcome<'_> {
    type Into = Outcomes;
    fn fold(self, into: &mut Outcomes) {
        let target = Text::or_empty(&self.target);
        let class = Text::or_empty(&self.class);
        into.more_than_config |= class != "config";
        into.any = true;
        into.packages |= !WITHOUT_PACKAGES.contains(&class);
        // A vulnerable package is at the same place wherever its lock file is.
        into.tally.absorb(self.vulnerabilities.0, "");
        into.tally.absorb(self.misconfigurations.0, target);
        into.tally.absorb(self.secrets.0, target);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability<'a> {
    #[serde(borrow, rename = "VulnerabilityID")]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    pkg_name: Option<Text<'a>>,
    #[serde(borrow)]
    installed_version: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
}

impl Fold for Vulnerability<'_> {
    type Into = Tally;
    fn fold(self, tally: &mut Tally) {
        let severity = tally::severity(Text::or_empty(&self.severity));
        let (name, version) = (
            Text::or_empty(&self.pkg_name),
            Text::or_empty(&self.installed_version),
        );
        tally.add_at(severity, Text::or_empty(&self.id), || {
            tally::package(name, version)
        });
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Misconfiguration<'a> {
    #[serde(borrow, rename = "ID")]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    cause_metadata: Option<Cause>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cause {
    start_line: Option<u64>,
}

impl Fold for Misconfiguration<'_> {
    type Into = Tally;
    fn fold(self, tally: &mut Tally) {
        // Passed checks and exceptions are listed when asked for.
        if !matches!(Text::or_empty(&self.status), "FAIL" | "") {
            return;
        }
        let severity = tally::severity(Text::or_empty(&self.severity));
        let line = self.cause_metadata.and_then(|cause| cause.start_line);
        tally.add_at(severity, Text::or_empty(&self.id), || tally::line(line));
    }
}

/// A secret: what it is and where, never what Trivy shows of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret<'a> {
    #[serde(borrow, rename = "RuleID")]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    start_line: Option<u64>,
}

impl Fold for Secret<'_> {
    type Into = Tally;
    fn fold(self, tally: &mut Tally) {
        let severity = tally::severity(Text::or_empty(&self.severity));
        tally.add_at(severity, Text::or_empty(&self.id), || {
            tally::line(self.start_line)
        });
    }
}

/// Reads a report of one of the three kinds.
pub(crate) fn read(kind: ReportKind, text: &[u8]) -> Result<Body, ReportError> {
    let report: Report<'_> = json::read(text, FORMAT)?;
    match report.schema_version {
        Some(Number(version)) if version != 2.0 => {
            return Err(ReportError::UnsupportedVersion {
                format: FORMAT,
                found: tally::clean(&version.to_string(), 20),
                supported: "2 (Trivy 0.20 and later)",
            });
        }
        _ => {}
    }
    check_kind(kind, &report)?;
    let version = report
        .trivy
        .as_ref()
        .map(|program| Text::or_empty(&program.version));
    Ok(Body {
        tool: tally::tool(Some("trivy"), version, "trivy"),
        produced_at: json::instant(&report.created_at),
        named: named(kind, &report),
        tally: report.results.0.tally,
        ..Body::default()
    })
}

/// `trivy config` calls what it looks at a filesystem too; only what it finds is of one class.
fn check_kind(kind: ReportKind, report: &Report<'_>) -> Result<(), ReportError> {
    use ReportKind::{ConfigScan, FilesystemScan, ImageScan};
    let (found, right): (_, &[ReportKind]) = match Text::or_empty(&report.artifact_type) {
        "container_image" => ("a Trivy report on an image", &[ImageScan]),
        "filesystem" | "repository" if report.results.0.more_than_config => (
            "a Trivy report on more than configuration files",
            &[FilesystemScan],
        ),
        // It may be of a file system that has nothing but configuration.
        "filesystem" | "repository" => ("a Trivy report on files", &[FilesystemScan, ConfigScan]),
        _ => ("a Trivy report on neither an image nor files", &[]),
    };
    if !right.contains(&kind) {
        return Err(wrong_tool(found, kind, right));
    }
    if kind == ImageScan && !was_looked_at(report) {
        return Err(ReportError::WrongTool {
            found: "a Trivy report on an image that was not looked at for vulnerabilities".to_owned(),
            expected: kind,
            hint: "run trivy image with `--scanners vuln,secret`, and send that report".to_owned(),
        });
    }
    Ok(())
}

/// Whether the packages of the image were looked at, as far as the report tells: which scanners were on it does not say.
/// Of an image with an operating system Trivy always has a result on its packages; of one in which it knows nothing it
/// has no results at all, and nothing can be found in that.
fn was_looked_at(report: &Report<'_>) -> bool {
    let results = &report.results.0;
    let metadata = report.metadata.as_ref();
    let has_os = metadata.is_some_and(|metadata| metadata.os.is_some());
    results.packages || !(results.any || has_os)
}

fn named(kind: ReportKind, report: &Report<'_>) -> Named {
    let mut named = Named::default();
    let Some(metadata) = &report.metadata else {
        return named;
    };
    if kind == ReportKind::ImageScan {
        named.manifests.clone_from(&metadata.repo_digests.0.manifests);
        named.set_config(Text::or_empty(&metadata.image_id));
        let name = Text::or_empty(&report.artifact_name);
        // A name by digest says as much as a repository's digest; one by tag, or a file's, says nothing.
        if named.manifests.is_empty() && name.contains('@') {
            named.add_reference(name);
        }
    } else {
        named.set_commit(Text::or_empty(&metadata.commit));
    }
    named
}
