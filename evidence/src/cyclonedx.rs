//! CycloneDX bills of materials, in JSON.

use std::fmt;

use opstella_domain::evidence::Severity;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::ReportError;
use crate::expected::Named;
use crate::json::{self, Each, Fold, Text};
use crate::parsed::Body;
use crate::tally::{self, Tally};

const FORMAT: &str = "CycloneDX JSON";

/// The versions that are read.
const VERSIONS: [&str; 4] = ["1.4", "1.5", "1.6", "1.7"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(borrow)]
    spec_version: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    components: Each<Component<'a>>,
    #[serde(borrow, default)]
    vulnerabilities: Each<Vulnerability<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow, default)]
    tools: Tools<'a>,
    #[serde(borrow)]
    component: Option<Subject<'a>>,
}

/// What the bill is of.
#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow, rename = "bom-ref")]
    bom_ref: Option<Text<'a>>,
    #[serde(borrow)]
    purl: Option<Text<'a>>,
    #[serde(borrow, default)]
    properties: Each<Property<'a>>,
}

#[derive(Deserialize)]
struct Property<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

impl Fold for Property<'_> {
    type Into = Named;
    fn fold(self, named: &mut Named) {
        let value = Text::or_empty(&self.value);
        match Text::or_empty(&self.name) {
            "aquasecurity:trivy:RepoDigest" => named.add_reference(value),
            "aquasecurity:trivy:ImageID" => named.set_config(value),
            _ => {}
        }
    }
}

impl Subject<'_> {
    /// Other tools put a digest into `version` and `hashes` as well, but one that they calculate themselves, which no
    /// registry knows.
    fn into_named(self) -> Named {
        let mut named = self.properties.0;
        for text in [&self.purl, &self.bom_ref] {
            let purl = Text::or_empty(text);
            if purl.starts_with("pkg:oci/") || purl.starts_with("pkg:docker/") {
                let end = purl.find(['?', '#']).unwrap_or(purl.len());
                named.add_reference(purl.get(..end).unwrap_or(purl));
            }
        }
        named
    }
}

/// A package; it may have others inside.
#[derive(Deserialize)]
struct Component<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    components: Each<Component<'a>>,
}

impl Fold for Component<'_> {
    type Into = u32;
    fn fold(self, count: &mut u32) {
        // Files are no packages, and neither is the system that holds them.
        let package = !matches!(Text::or_empty(&self.kind), "file" | "operating-system");
        *count = count
            .saturating_add(self.components.0)
            .saturating_add(u32::from(package));
    }
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    ratings: Each<Rating<'a>>,
    #[serde(borrow, default)]
    affects: Each<Affected<'a>>,
    #[serde(borrow)]
    analysis: Option<Analysis<'a>>,
}

#[derive(Deserialize)]
struct Rating<'a> {
    #[serde(borrow)]
    severity: Option<Text<'a>>,
}

impl Fold for Rating<'_> {
    /// Several sources rate the same; the worst counts.
    type Into = Option<Severity>;
    fn fold(self, worst: &mut Option<Severity>) {
        *worst = (*worst).max(Some(tally::severity(Text::or_empty(&self.severity))));
    }
}

#[derive(Deserialize)]
struct Affected<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Option<Text<'a>>,
}

impl<'a> Fold for Affected<'a> {
    type Into = Option<Text<'a>>;
    fn fold(self, first: &mut Option<Text<'a>>) {
        if first.is_none() {
            *first = self.reference;
        }
    }
}

#[derive(Deserialize)]
struct Analysis<'a> {
    #[serde(borrow)]
    state: Option<Text<'a>>,
}

impl Fold for Vulnerability<'_> {
    type Into = Tally;
    fn fold(self, tally: &mut Tally) {
        let state = self.analysis.and_then(|analysis| analysis.state);
        if matches!(
            Text::or_empty(&state),
            "resolved" | "resolved_with_pedigree" | "false_positive" | "not_affected"
        ) {
            return;
        }
        let severity = self.ratings.0.unwrap_or(Severity::Unknown);
        let location = self.affects.0.as_ref().map(Text::as_str);
        tally.add(severity, Text::or_empty(&self.id), location);
    }
}

/// The first tool of the list; it is a list up to 1.4, and an object with lists from 1.5 on.
#[derive(Default)]
struct Tools<'a>(Option<Program<'a>>);

#[derive(Deserialize)]
struct Program<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

impl<'a> Fold for Program<'a> {
    type Into = Option<Program<'a>>;
    fn fold(self, first: &mut Option<Program<'a>>) {
        if first.is_none() {
            *first = Some(self);
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Tools<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Tools<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tools, or an object of their components")
            }
            fn visit_unit<E>(self) -> Result<Tools<'de>, E> {
                Ok(Tools::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tools<'de>, A::Error> {
                let first = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Tools(first))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Tools<'de>, A::Error> {
                let mut first = None;
                while let Some(key) = object.next_key::<Text<'de>>()? {
                    if key.as_str() == "components" {
                        first = object.next_value::<Each<Program<'de>>>()?.0;
                    } else {
                        object.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Tools(first))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Reads a bill of materials.
pub(crate) fn read(text: &[u8]) -> Result<Body, ReportError> {
    let bom: Bom<'_> = json::read(text, FORMAT)?;
    let version = Text::or_empty(&bom.spec_version);
    if !VERSIONS.contains(&version) {
        return Err(ReportError::UnsupportedVersion {
            format: FORMAT,
            found: tally::clean(version, 20),
            supported: "1.4 to 1.7",
        });
    }
    let mut body = Body {
        tool: tally::tool(None, None, "cyclonedx"),
        tally: bom.vulnerabilities.0,
        components: Some(bom.components.0),
        ..Body::default()
    };
    if let Some(metadata) = bom.metadata {
        body.produced_at = json::instant(&metadata.timestamp);
        if let Some(Program { name, version }) = metadata.tools.0 {
            let (name, version) = (Text::or_empty(&name), Text::or_empty(&version));
            body.tool = tally::tool(Some(name), Some(version), "cyclonedx");
        }
        body.named = metadata.component.map(Subject::into_named).unwrap_or_default();
    }
    Ok(body)
}
