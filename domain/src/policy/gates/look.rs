//! Looking at the same report of each image.

use crate::ComponentName;
use crate::evidence::{Evidence, ReportKind};
use crate::policy::{GateInput, GateResult, GateVerdict};
use crate::release::Digest;

/// What one report says to a gate.
pub(super) enum Said {
    /// Nothing against the image.
    Fine,
    /// Something that waivers pass over, in words.
    Waived(String),
    /// Something that speaks against it, in words.
    Wrong(String),
}

/// What the reports say together, in words.
#[derive(Default)]
pub(super) struct Look {
    reports: Vec<Digest>,
    missing: Vec<String>,
    waived: Vec<String>,
    wrong: Vec<String>,
}

/// Looks at all reports of a kind on each image: of tests there may be several, and none hides another.
pub(super) fn look(input: &GateInput, kind: ReportKind, say: impl Fn(&Evidence) -> Said) -> Look {
    let mut found = Look::default();
    for (name, image) in &input.images {
        let mut reports = image.evidence.iter().filter(|e| e.kind == kind).peekable();
        if reports.peek().is_none() {
            found.lacks(name);
        }
        for report in reports {
            let what = match &report.series {
                None => name.to_string(),
                Some(series) => format!("{name}, {series}"),
            };
            found.add(report, say(report), &what);
        }
    }
    found
}

impl Look {
    /// There is no report of a component's image.
    pub(super) fn lacks(&mut self, component: &ComponentName) {
        self.missing.push(component.to_string());
    }

    /// Takes in what a report says of `what`.
    pub(super) fn add(&mut self, evidence: &Evidence, said: Said, what: &str) {
        if !self.reports.contains(&evidence.report) {
            self.reports.push(evidence.report.clone());
        }
        match said {
            Said::Fine => {}
            Said::Waived(text) => self.waived.push(format!("{what}: {text}")),
            Said::Wrong(text) => self.wrong.push(format!("{what}: {text}")),
        }
    }

    /// The gate that asks for a `report` of each image.
    pub(super) fn result(self, gate: &'static str, report: &str, passed: String, remedy: &str) -> GateResult {
        let result = if !self.missing.is_empty() {
            let reason = format!("there is no {report} of {}", self.missing.join(", "));
            GateResult::failed(gate, reason, format!("add a {report} of each image"))
        } else if !self.wrong.is_empty() {
            GateResult::failed(gate, self.wrong.join("; "), remedy)
        } else if !self.waived.is_empty() {
            GateResult::new(gate, GateVerdict::Waived, self.waived.join("; "))
        } else {
            GateResult::passed(gate, passed)
        };
        result.on(self.reports)
    }
}
