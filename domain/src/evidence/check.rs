//! What evidence has to be to count.

use super::{Evidence, Finding, MAX_FINDINGS, ReportKind, Severity};
use crate::DomainError;

/// Longest name of a tool, with its version, in characters.
const LONGEST_TOOL: usize = 200;
/// Longest series, in characters.
const LONGEST_SERIES: usize = 200;
/// Longest name of a finding, in characters.
const LONGEST_ID: usize = 120;
/// Longest location of a finding, in characters.
const LONGEST_LOCATION: usize = 200;

impl Evidence {
    pub(super) fn check(&self) -> Result<(), DomainError> {
        if (self.kind == ReportKind::DynamicScan) != self.environment.is_some() {
            let rule = "the environment that was scanned, for a dynamic scan and for nothing else";
            return Err(DomainError::invalid("environment", rule));
        }
        if (self.kind == ReportKind::DynamicScan) == self.ran.is_empty() {
            let rule = "an environment that ran the same release of ours from the begin of the scan to its end, with no \
                        deployment between: promote a release there, then scan, and say by `scanned_at` when the scan began";
            return Err(DomainError::invalid("environment", rule));
        }
        text("tool", &self.tool, LONGEST_TOOL)?;
        if let Some(series) = &self.series {
            text("suite", series, LONGEST_SERIES)?;
            if !self.has_series() {
                let rule =
                    "none, but for tests and static-analysis: of other reports the latest of a kind counts";
                return Err(DomainError::invalid("suite", rule));
            }
        }
        if self.findings.len() > MAX_FINDINGS {
            let rule = format!("at most {MAX_FINDINGS}, the worst; the counts tell of all");
            return Err(DomainError::invalid("findings", rule));
        }
        for (index, finding) in self.findings.iter().enumerate() {
            let field = |name: &str| format!("findings[{index}].{name}");
            text(&field("id"), &finding.id, LONGEST_ID)?;
            if let Some(location) = &finding.location {
                text(&field("location"), location, LONGEST_LOCATION)?;
            }
            if finding.times == 0 {
                return Err(DomainError::invalid(field("times"), "1 or more"));
            }
        }
        // Gates count; a finding that is named and not counted would not close them, and one that is waived more often
        // than it is counted would open them for others.
        let uncounted = |severity: &Severity| {
            let named = |finding: &&Finding| finding.severity == *severity;
            let named = self.findings.iter().filter(named);
            let times: u64 = named.map(|finding| u64::from(finding.times)).sum();
            times > u64::from(self.counts.of(*severity))
        };
        match Severity::all().find(uncounted) {
            Some(severity) => {
                let rule =
                    format!("at least as many {severity} ones as `findings` names, each as often as it says");
                Err(DomainError::invalid("counts", rule))
            }
            None => Ok(()),
        }
    }
}

fn text(field: &str, text: &str, longest: usize) -> Result<(), DomainError> {
    if text.trim().is_empty() || text.chars().count() > longest {
        return Err(DomainError::invalid(field, format!("1 to {longest} characters")));
    }
    Ok(())
}
