//! What the policies ask for, said once more: slowly, both policies one after the other, from what was written down.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::evidence::{Evidence, ReportKind, Severity, Verdict};
use opstella_domain::policy::{ApprovalRule, Freeze, FreezeWindow, PolicyRules};
use opstella_domain::promotion::PromotionKind;
use opstella_domain::release::{Digest, Waiver};
use opstella_domain::{ComponentName, Environment, Subject};

use crate::ledger::{Asked, Basis, Ledger};

/// The one that is asked about a promotion.
pub struct Oracle<'a> {
    pub asked: &'a Asked,
    pub counts: &'a Counts<'a>,
}

/// All that counts for it.
pub struct Counts<'a> {
    /// The platform's rules, and the project's where it has some; how often each was set.
    pub rules: Vec<PolicyRules>,
    pub versions: (u32, u32),
    pub before: Option<(Environment, &'a Ledger)>,
    /// Every report that was ever sent, in order.
    pub reports: &'a BTreeMap<(ComponentName, Digest), Vec<Evidence>>,
    pub waivers: Vec<&'a Waiver>,
    pub now: DateTime<Utc>,
}

fn made(evidence: &Evidence) -> DateTime<Utc> {
    evidence.produced_at.unwrap()
}

impl Oracle<'_> {
    /// Whether nothing is in the way.
    pub fn open(&self) -> bool {
        let forward = self.asked.kind == PromotionKind::Promote;
        let free = !forward || self.counts.rules.iter().all(|rules| self.in_time(rules));
        self.gates().values().all(|open| *open) && free && self.approved()
    }

    pub fn basis(&self) -> Basis {
        (
            self.counts.versions.0,
            self.counts.versions.1,
            self.asked.images.clone(),
            self.gates(),
        )
    }

    /// The gates on evidence and health: named, and whether they are open.
    fn gates(&self) -> BTreeMap<&'static str, bool> {
        let mut all = BTreeMap::new();
        if self.asked.kind == PromotionKind::Rollback {
            return all;
        }
        for rules in &self.counts.rules {
            let mut gate = |asked: bool, name: &'static str, open: bool| {
                if asked {
                    let open = open || self.waived(name, None);
                    all.entry(name).and_modify(|both| *both &= open).or_insert(open);
                }
            };
            gate(rules.quality_gate, "quality-gate", self.quality());
            let most = rules.max_critical;
            gate(
                most.is_some(),
                "no-critical-vulnerability",
                self.scanned(most.unwrap_or(0)),
            );
            gate(rules.healthy_before, "healthy-before", self.healthy_before());
            let scan = rules.dynamic_scan;
            gate(
                scan.is_some(),
                "dynamic-scan",
                scan.is_none_or(|of| self.dynamically_scanned(of)),
            );
            gate(
                rules.no_open_critical,
                "no-open-critical-finding",
                self.nothing_critical(),
            );
        }
        all
    }

    fn waived(&self, gate: &str, finding: Option<&str>) -> bool {
        self.counts.waivers.iter().any(|waiver| {
            waiver.gate.as_str() == gate
                && waiver.finding.as_deref() == finding
                && self.counts.now < waiver.expires_at
        })
    }

    fn of(&self, component: &ComponentName) -> &[Evidence] {
        let image = (component.clone(), self.asked.images[component].clone());
        self.counts.reports.get(&image).map_or(&[], Vec::as_slice)
    }

    fn newest<'b>(all: impl Iterator<Item = &'b Evidence>) -> Option<&'b Evidence> {
        all.max_by_key(|e| made(e))
    }

    fn left(&self, evidence: &Evidence, gate: &str, severity: Severity) -> u32 {
        let open = evidence
            .findings
            .iter()
            .filter(|f| f.severity == severity && !self.waived(gate, Some(&f.id)));
        u32::try_from(open.count()).unwrap()
    }

    fn quality(&self) -> bool {
        self.asked.images.keys().all(|component| {
            let gates = self
                .of(component)
                .iter()
                .filter(|e| e.kind == ReportKind::QualityGate);
            Self::newest(gates).is_some_and(|e| e.verdict == Verdict::Passed)
        })
    }

    fn scanned(&self, most: u32) -> bool {
        let gate = "no-critical-vulnerability";
        self.asked.images.keys().all(|component| {
            let scan = |e: &&Evidence| [ReportKind::ImageScan, ReportKind::RegistryScan].contains(&e.kind);
            let scan = Self::newest(self.of(component).iter().filter(scan));
            scan.is_some_and(|e| self.left(e, gate, Severity::Critical) <= most)
        })
    }

    fn healthy_before(&self) -> bool {
        self.counts.before.is_none_or(|(_, before)| {
            before.healthy
                && before
                    .came
                    .last()
                    .is_some_and(|came| came.release == self.asked.release)
        })
    }

    fn dynamically_scanned(&self, wanted: Environment) -> bool {
        let Some((before, _)) = self.counts.before else {
            return true;
        };
        let mut of = Environment::all().filter(|e| *e <= before && *e >= wanted.min(before));
        let gate = "dynamic-scan";
        let scan = of.find_map(|environment| {
            let all = self.asked.images.keys().flat_map(|component| self.of(component));
            let same = |e: &&Evidence| {
                let images = &self.asked.images;
                images
                    .iter()
                    .all(|(component, digest)| e.ran.get(component) == Some(digest))
            };
            Self::newest(all.filter(|e| e.environment == Some(environment)).filter(same))
        });
        scan.is_some_and(|e| self.left(e, gate, Severity::High) + self.left(e, gate, Severity::Critical) == 0)
    }

    fn nothing_critical(&self) -> bool {
        self.asked.images.keys().all(|component| {
            let all = self.of(component);
            all.iter().all(|e| {
                let same = all
                    .iter()
                    .filter(|o| o.kind == e.kind && o.environment == e.environment);
                let newest = Self::newest(same).unwrap();
                self.left(newest, "no-open-critical-finding", Severity::Critical) == 0
            })
        })
    }

    /// The rules about time and the change.
    fn in_time(&self, rules: &PolicyRules) -> bool {
        let soaked = rules.soak_minutes == 0
            || self.waived("soaked", None)
            || self.counts.before.is_none_or(|(_, before)| {
                let came = before
                    .came
                    .last()
                    .filter(|came| came.release == self.asked.release);
                came.is_some_and(|came| {
                    came.at + TimeDelta::minutes(rules.soak_minutes.into()) <= self.counts.now
                })
            });
        let now = self.counts.now.naive_utc();
        let broken = |window: &FreezeWindow| {
            let broken = self.asked.broken.iter().any(|freeze| &freeze.window == window);
            broken && self.asked.glass.len() == 2
        };
        let frozen = rules.freezes.iter().any(|window| match window.when {
            Freeze::Once { from, to } => from <= now && now < to && !broken(window),
            Freeze::Weekly { .. } => unreachable!("no such windows here"),
        });
        let named = !rules.change_reference || self.asked.change;
        soaked && named && !frozen
    }

    fn approved(&self) -> bool {
        let forward = self.asked.kind == PromotionKind::Promote;
        let independent = forward && self.counts.rules.iter().any(|rules| rules.independent_approvers);
        let rollback = self
            .counts
            .rules
            .iter()
            .map(|rules| rules.rollback_approvals)
            .max()
            .unwrap();
        let all: Vec<&ApprovalRule> = self
            .counts
            .rules
            .iter()
            .flat_map(|rules| &rules.approvals)
            .collect();
        all.into_iter().all(|rule| {
            let people: BTreeSet<&Subject> = self
                .asked
                .approvals
                .iter()
                .filter(|(by, roles, _)| {
                    let author = independent && self.asked.authors.contains(by);
                    by != &self.asked.requester && !author && !roles.is_disjoint(&rule.roles)
                })
                .map(|(by, ..)| by)
                .collect();
            let needed = if forward { rule.people } else { rollback };
            people.len() >= usize::from(needed)
        })
    }
}
