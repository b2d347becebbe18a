//! SARIF 2.1.0, of any tool (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

mod model;
mod rules;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use opstella_domain::evidence::Severity;
use serde::Deserialize;

use crate::ReportError;
use crate::expected::Named;
use crate::json::{self, Each, Fold, Number, Text};
use crate::parsed::Body;
use crate::tally::{self, Tally};
use model::{MAX_RESULTS, MAX_RULES, Outcome, Run};
use rules::Rules;

const FORMAT: &str = "SARIF";

/// Most tools whose names are kept; a report is of one or a few.
const MOST_TOOLS: usize = 16;

/// Most characters of the names of all tools.
const LONGEST_NAMES: usize = 120;

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow, default)]
    runs: Each<Run<'a>>,
}

/// What the runs come to. A run is kept until it is read, for its rules may come after its results.
#[derive(Default)]
struct Runs {
    number: u32,
    problem: Option<ReportError>,
    tool: Option<String>,
    /// The names of all, so that a report of one of them does not count instead of one of several.
    tools: BTreeSet<String>,
    produced_at: Option<DateTime<Utc>>,
    tally: Tally,
    named: Named,
}

impl Fold for Run<'_> {
    type Into = Runs;
    fn fold(self, into: &mut Runs) {
        into.number = into.number.saturating_add(1);
        if let Err(problem) = into.add(self) {
            into.problem = Some(problem);
        }
    }
}

impl Runs {
    fn add(&mut self, run: Run<'_>) -> Result<(), ReportError> {
        let unfinished = |why: &str| ReportError::Unfinished { why: why.to_owned() };
        if run.invocations.0.failed {
            return Err(unfinished("a run says that it was not executed successfully"));
        }
        // SARIF 3.14.23: no list means that nothing was looked at, an empty one that nothing was found.
        let results = run
            .results
            .ok_or_else(|| unfinished("a run has no list of results"))?;
        if results.over {
            return Err(ReportError::TooMany {
                what: "results in a run",
                limit: MAX_RESULTS,
            });
        }
        let tool = run.tool.unwrap_or_default();
        let rules = Rules::new(&tool).ok_or(ReportError::TooMany {
            what: "rules of a tool",
            limit: MAX_RULES,
        })?;
        for result in &results.entries {
            if let Some(severity) = severity(result, &rules) {
                let location = result.locations.0.as_ref().map(model::Place::text);
                self.tally.add(severity, rules.id(result), location.as_deref());
            }
        }
        self.tools.insert(tool.driver.name());
        if self.tools.len() > MOST_TOOLS {
            self.tools.pop_last();
        }
        if self.tool.is_none() {
            self.tool = Some(tool.driver.text());
        }
        self.produced_at = self.produced_at.max(run.invocations.0.ended);
        if let Some(properties) = run.properties {
            self.named.manifests.extend(properties.repo_digests.0.manifests);
            if properties.image_id.is_some() {
                self.named.set_config(Text::or_empty(&properties.image_id));
            }
        }
        if run.version_control_provenance.0.commit.is_some() {
            self.named.commit = run.version_control_provenance.0.commit;
        }
        Ok(())
    }
}

/// How bad a result is; none if it is no finding.
fn severity(result: &Outcome<'_>, rules: &Rules<'_>) -> Option<Severity> {
    let passed = matches!(Text::or_empty(&result.kind), "pass" | "notApplicable");
    // It was in an earlier run and is not in this one.
    let gone = Text::or_empty(&result.baseline_state) == "absent";
    if passed || gone || result.suppressions.0.hold() {
        return None;
    }
    // It is for a person to look at.
    if !matches!(Text::or_empty(&result.kind), "fail" | "") {
        return Some(Severity::Info);
    }
    let rule = rules.of(result);
    let own = result.properties.as_ref();
    let scored = own.and_then(|p| p.security_severity).or_else(|| rule?.score());
    if let Some(Number(score)) = scored {
        return Some(of_score(score));
    }
    let level = result.level.as_ref().map(Text::as_str);
    Some(match level.or_else(|| rule?.level()) {
        Some("error") => Severity::High,
        Some("note") => Severity::Low,
        Some("none") => Severity::Info,
        // SARIF 3.27.10: the default.
        _ => Severity::Medium,
    })
}

/// The classes of CVSS, as GitHub applies them to `security-severity`.
fn of_score(score: f64) -> Severity {
    match score {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        score if score > 0.0 => Severity::Low,
        _ => Severity::Info,
    }
}

/// Reads a report.
pub(crate) fn read(text: &[u8]) -> Result<Body, ReportError> {
    let report: Report<'_> = json::read(text, FORMAT)?;
    let version = Text::or_empty(&report.version);
    if version != "2.1.0" {
        return Err(ReportError::UnsupportedVersion {
            format: FORMAT,
            found: tally::clean(version, 20),
            supported: "2.1.0",
        });
    }
    let runs = report.runs.0;
    if let Some(problem) = runs.problem {
        return Err(problem);
    }
    if runs.number == 0 {
        let what = "the report has no runs: no tool looked at anything";
        return Err(ReportError::Empty { what });
    }
    let tools: Vec<String> = runs.tools.into_iter().collect();
    Ok(Body {
        series: Some(tally::clean(&tools.join(", "), LONGEST_NAMES)),
        tool: runs.tool.unwrap_or_else(|| "sarif".to_owned()),
        produced_at: runs.produced_at,
        tally: runs.tally,
        named: runs.named,
        ..Body::default()
    })
}
