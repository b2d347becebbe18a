//! What reports and the environment before say.

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::ComponentName;
use opstella_domain::evidence::{Evidence, Origin, ReportKind, Severity, Verdict};
use opstella_domain::policy::PolicyRules;

use super::{Gate, Oracle, made};
use crate::acts::CUSTOM;

fn is_image_scan(kind: ReportKind) -> bool {
    matches!(kind, ReportKind::ImageScan | ReportKind::RegistryScan)
}

/// The gates of these rules that look at the reports of a kind, but the dynamic scan.
fn looking_at(rules: &PolicyRules, kind: ReportKind) -> impl Iterator<Item = &'static str> {
    let gates = [
        (
            rules.quality_gate && kind == ReportKind::QualityGate,
            "quality-gate",
        ),
        (rules.tests && kind == ReportKind::Tests, "tests-passed"),
        (rules.sbom && kind == ReportKind::Sbom, "bill-of-materials"),
        (
            rules.max_critical.is_some() && is_image_scan(kind),
            "no-critical-vulnerability",
        ),
        (
            rules.max_high.is_some() && is_image_scan(kind),
            "no-high-vulnerability",
        ),
        (rules.no_open_critical, "no-open-critical-finding"),
    ];
    gates
        .into_iter()
        .filter(|(looks, _)| *looks)
        .map(|(_, gate)| gate)
}

impl Oracle<'_> {
    /// Every gate on evidence that these rules ask for, but the dynamic scan.
    pub(super) fn look(&self, rules: &PolicyRules, gate: &mut impl FnMut(&'static str, Gate)) {
        if rules.quality_gate {
            gate(
                "quality-gate",
                self.every(ReportKind::QualityGate, Self::passed).into(),
            );
        }
        if rules.tests {
            let well = |e: &Evidence| Self::passed(e) && e.tests.unwrap().failed == 0;
            gate("tests-passed", self.every(ReportKind::Tests, well).into());
        }
        if rules.sbom {
            gate("bill-of-materials", self.every(ReportKind::Sbom, |_| true).into());
        }
        if let Some(most) = rules.max_critical {
            let name = "no-critical-vulnerability";
            gate(name, self.scanned(name, Severity::Critical, most));
        }
        if let Some(most) = rules.max_high {
            let name = "no-high-vulnerability";
            gate(name, self.scanned(name, Severity::High, most));
        }
        if rules.healthy_before {
            gate("healthy-before", self.healthy_before().into());
        }
        if rules.no_open_critical {
            gate("no-open-critical-finding", self.nothing_critical());
        }
        for custom in &rules.custom {
            let name = CUSTOM.iter().find(|name| name.ends_with(&custom.name)).unwrap();
            let said = self.counts.custom.get(name).copied();
            gate(name, said.unwrap_or(false).into());
        }
    }

    fn passed(evidence: &Evidence) -> bool {
        evidence.verdict == Verdict::Passed
    }

    /// The reports on the image of a component: what was sent says nothing where the tool itself has told us of the same.
    pub(super) fn of(&self, component: &ComponentName) -> Vec<&Evidence> {
        let image = (component.clone(), self.asked.images[component].clone());
        let all = self.counts.reports.get(&image).map_or(&[][..], Vec::as_slice);
        let same = |a: &Evidence, b: &Evidence| {
            (a.kind, a.environment, &a.ran, &a.series) == (b.kind, b.environment, &b.ran, &b.series)
        };
        let told = |e: &Evidence| all.iter().any(|o| o.origin == Origin::Fetched && same(o, e));
        all.iter()
            .filter(|e| e.origin == Origin::Fetched || !told(e))
            .collect()
    }

    /// The newest reports on the image of a component, of each kind, environment and suite.
    fn latest(&self, component: &ComponentName) -> Vec<&Evidence> {
        let mut reports = self.of(component);
        reports.sort_by_key(|e| made(e));
        let mut newest = BTreeMap::new();
        for e in reports {
            newest.insert((e.kind, e.environment, &e.series), e);
        }
        newest.into_values().collect()
    }

    /// Whether there is a report of a kind on each image, and all that count are as they should be.
    fn every(&self, kind: ReportKind, right: impl Fn(&Evidence) -> bool) -> bool {
        self.asked.images.keys().all(|component| {
            let mut of = self.latest(component);
            of.retain(|e| e.kind == kind);
            !of.is_empty() && of.into_iter().all(&right)
        })
    }

    /// The reports that failed among those that gates look at.
    pub(super) fn failed(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        if !self.forward() {
            return all;
        }
        let mut see = |gate: &str, component: &ComponentName, e: &Evidence| {
            if !Self::passed(e) {
                let of = (&e.kind, &e.environment, &e.series);
                all.insert(format!("{gate} {component} {of:?}"));
            }
        };
        for component in self.asked.images.keys() {
            for e in self.latest(component) {
                for rules in &self.counts.rules {
                    for gate in looking_at(rules, e.kind) {
                        see(gate, component, e);
                    }
                }
            }
        }
        for wanted in self.wanted() {
            if let Some((component, e)) = self.scan(wanted) {
                see(wanted.as_str(), component, e);
            }
        }
        all
    }

    /// What a gate says of a report that may have so many findings of some severities.
    pub(super) fn weighed(
        &self,
        evidence: &Evidence,
        gate: &str,
        severities: &[Severity],
        most: u32,
    ) -> Gate {
        let found = evidence
            .findings
            .iter()
            .filter(|f| severities.contains(&f.severity));
        let open = found.clone().filter(|f| !self.waived(gate, Some(&f.id)));
        let at_most = |count: usize| u32::try_from(count).unwrap() <= most;
        match (at_most(found.clone().count()), at_most(open.count())) {
            (true, _) => Gate::Passed,
            (false, true) => Gate::Waived,
            (false, false) => Gate::Closed,
        }
    }

    fn scanned(&self, gate: &str, severity: Severity, most: u32) -> Gate {
        let of = |component| {
            let mut scans = self.latest(component);
            scans.retain(|e| is_image_scan(e.kind));
            let said = scans
                .into_iter()
                .map(|e| self.weighed(e, gate, &[severity], most));
            said.max().unwrap_or(Gate::Closed)
        };
        self.asked.images.keys().map(of).max().unwrap_or(Gate::Passed)
    }

    fn healthy_before(&self) -> bool {
        self.counts.before.is_none_or(|(_, before)| {
            before.healthy && !before.drifted && before.runs(&self.asked.images).is_some()
        })
    }

    fn nothing_critical(&self) -> Gate {
        let of = |component| {
            let said = self.latest(component).into_iter();
            let said = said.map(|e| self.weighed(e, "no-open-critical-finding", &[Severity::Critical], 0));
            said.max().unwrap_or(Gate::Passed)
        };
        self.asked.images.keys().map(of).max().unwrap_or(Gate::Passed)
    }
}
