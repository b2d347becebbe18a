//! Harbor's scans: the overview that comes with an artifact, and the report on its vulnerabilities.

use chrono::{DateTime, Utc};
use opstella_domain::evidence::Severity;
use serde::Deserialize;

use crate::ReportError;
use crate::expected::Named;
use crate::json::{self, Each, EachEntry, Fold, FoldEntry, Text};
use crate::parsed::Body;
use crate::shape::is_media_type;
use crate::tally::{self, Tally};

const FORMAT: &str = "Harbor's scan";

/// The answer of `GET …/artifacts/{reference}?with_scan_overview=true`.
#[derive(Deserialize)]
struct Artifact<'a> {
    #[serde(borrow)]
    digest: Option<Text<'a>>,
    /// The images of an index.
    #[serde(borrow, default)]
    references: Each<Child<'a>>,
    #[serde(borrow, default)]
    scan_overview: EachEntry<Scan<'a>>,
}

#[derive(Deserialize)]
struct Child<'a> {
    #[serde(borrow)]
    child_digest: Option<Text<'a>>,
}

impl Fold for Child<'_> {
    type Into = Named;
    fn fold(self, named: &mut Named) {
        named.add_reference(Text::or_empty(&self.child_digest));
    }
}

/// An overview, which has a summary, or a report, which has the vulnerabilities.
#[derive(Deserialize)]
struct Scan<'a> {
    #[serde(borrow)]
    scan_status: Option<Text<'a>>,
    /// The worst that was found.
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    /// How many of an index's images were scanned.
    complete_percent: Option<u64>,
    summary: Option<Summary>,
    #[serde(borrow)]
    scanner: Option<Scanner<'a>>,
    #[serde(borrow)]
    end_time: Option<Text<'a>>,
    #[serde(borrow)]
    generated_at: Option<Text<'a>>,
    #[serde(borrow)]
    vulnerabilities: Option<Each<Vulnerability<'a>>>,
}

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    summary: EachEntry<Count>,
}

/// A count by severity: `"High": 3`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Count(u64);

impl FoldEntry for Count {
    type Into = Tally;
    fn wanted(_: &str) -> bool {
        true
    }
    fn fold(self, key: &str, tally: &mut Tally) {
        tally.add_unnamed(tally::severity(key), self.0);
    }
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    package: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
}

impl Fold for Vulnerability<'_> {
    type Into = Tally;
    fn fold(self, tally: &mut Tally) {
        let severity = tally::severity(Text::or_empty(&self.severity));
        let (name, version) = (Text::or_empty(&self.package), Text::or_empty(&self.version));
        tally.add_at(severity, Text::or_empty(&self.id), || {
            tally::package(name, version)
        });
    }
}

/// The scans of one artifact, by media type. They are of the same contents, so that the larger count counts.
#[derive(Default)]
struct Scans {
    number: u32,
    unfinished: Option<&'static str>,
    tool: Option<String>,
    produced_at: Option<DateTime<Utc>>,
    tally: Tally,
}

impl FoldEntry for Scan<'_> {
    type Into = Scans;
    fn wanted(key: &str) -> bool {
        is_media_type(key)
    }
    fn fold(self, _: &str, into: &mut Scans) {
        into.add(self);
    }
}

impl Scans {
    fn add(&mut self, scan: Scan<'_>) {
        self.number = self.number.saturating_add(1);
        let is_report = scan.vulnerabilities.is_some();
        match Text::or_empty(&scan.scan_status) {
            "Success" => {}
            // A report exists only once the scan has ended.
            "" if is_report => {}
            "Error" => self.unfinished = Some("Harbor's scan ended with an error"),
            _ => self.unfinished = Some("Harbor's scan has not ended"),
        }
        if scan.complete_percent.is_some_and(|percent| percent < 100) {
            self.unfinished = Some("Harbor has not scanned every image of the index");
        }
        if let Some(Scanner { name, version }) = &scan.scanner {
            let (name, version) = (Text::or_empty(name), Text::or_empty(version));
            self.tool = Some(tally::tool(
                Some(&format!("harbor {name}")),
                Some(version),
                "harbor",
            ));
        }
        let ended = json::instant(&scan.end_time).or_else(|| json::instant(&scan.generated_at));
        self.produced_at = self.produced_at.max(ended);

        let summary = scan.summary.map(|summary| summary.summary.0).unwrap_or_default();
        let mut tally = scan.vulnerabilities.map_or(summary, |list| list.0);
        // A scan that says how bad it is and does not say why counts as bad as it says.
        let worst = tally::severity(Text::or_empty(&scan.severity));
        if worst > Severity::Info && tally.counts().of(worst) == 0 {
            tally.add_unnamed(worst, 1);
        }
        self.tally.raise_to(tally);
    }

    fn into_body(self) -> Result<Body, ReportError> {
        if self.number == 0 {
            return Err(unfinished("Harbor has not scanned the artifact"));
        }
        if let Some(why) = self.unfinished {
            return Err(unfinished(why));
        }
        Ok(Body {
            tool: self.tool.unwrap_or_else(|| "harbor".to_owned()),
            produced_at: self.produced_at,
            tally: self.tally,
            ..Body::default()
        })
    }
}

fn unfinished(why: &str) -> ReportError {
    ReportError::Unfinished { why: why.to_owned() }
}

/// Reads an artifact with its overview.
pub(crate) fn read_artifact(text: &[u8]) -> Result<Body, ReportError> {
    let artifact: Artifact<'_> = json::read(text, FORMAT)?;
    let mut named = Named::default();
    named.add_reference(Text::or_empty(&artifact.digest));
    if !named.manifests.is_empty() {
        named.manifests.extend(artifact.references.0.manifests);
    }
    let body = artifact.scan_overview.0.into_body()?;
    Ok(Body { named, ..body })
}

/// Reads overviews or reports by media type.
pub(crate) fn read_by_type(text: &[u8]) -> Result<Body, ReportError> {
    let scans: EachEntry<Scan<'_>> = json::read(text, FORMAT)?;
    scans.0.into_body()
}

/// Reads one overview or report.
pub(crate) fn read_report(text: &[u8]) -> Result<Body, ReportError> {
    let mut scans = Scans::default();
    scans.add(json::read(text, FORMAT)?);
    scans.into_body()
}
