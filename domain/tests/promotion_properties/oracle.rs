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
    /// The environments that the service has.
    pub chosen: &'a [Environment],
    pub before: Option<(Environment, &'a Ledger)>,
    /// Every report that was ever sent, in order.
    pub reports: &'a BTreeMap<(ComponentName, Digest), Vec<Evidence>>,
    pub waivers: Vec<&'a Waiver>,
    pub now: DateTime<Utc>,
}

/// What a gate says, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    Passed,
    Waived,
    Closed,
}

impl From<bool> for Gate {
    fn from(open: bool) -> Self {
        if open { Self::Passed } else { Self::Closed }
    }
}

fn made(evidence: &Evidence) -> DateTime<Utc> {
    evidence.produced_at.unwrap()
}

impl Oracle<'_> {
    /// Whether nothing is in the way.
    pub fn open(&self) -> bool {
        let forward = self.asked.kind == PromotionKind::Promote;
        let free = !forward || self.counts.rules.iter().all(|rules| self.in_time(rules));
        let gates = self.gates();
        gates.values().all(|said| *said != Gate::Closed) && free && self.approved()
    }

    pub fn basis(&self) -> Basis {
        let mut gates = self.gates();
        // The health of another environment is neither policy nor release nor evidence.
        gates.remove("healthy-before");
        (
            self.counts.versions.0,
            self.counts.versions.1,
            self.asked.images.clone(),
            gates,
            self.failed(),
        )
    }

    /// The reports that failed among those that gates look at: the newest of their kind.
    fn failed(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        if self.asked.kind == PromotionKind::Rollback {
            return all;
        }
        let mut see = |gate: &str, component: &ComponentName, e: &Evidence| {
            if e.verdict == Verdict::Failed {
                all.insert(format!("{gate} {component} {} {:?}", e.kind, e.environment));
            }
        };
        for rules in &self.counts.rules {
            for component in self.asked.images.keys() {
                let mut newest = BTreeMap::new();
                let mut reports: Vec<&Evidence> = self.of(component).iter().collect();
                reports.sort_by_key(|e| made(e));
                for e in reports {
                    newest.insert((e.kind, e.environment), e);
                }
                for e in newest.into_values() {
                    let scan = matches!(e.kind, ReportKind::ImageScan | ReportKind::RegistryScan);
                    if rules.quality_gate && e.kind == ReportKind::QualityGate {
                        see("quality", component, e);
                    }
                    if rules.max_critical.is_some() && scan {
                        see("critical", component, e);
                    }
                    if rules.no_open_critical {
                        see("open", component, e);
                    }
                }
            }
            for wanted in self.wanted() {
                if let Some((component, e)) = self.scan(wanted) {
                    see(wanted.as_str(), component, e);
                }
            }
        }
        all
    }

    /// The gates on evidence and health: named, and what they say.
    fn gates(&self) -> BTreeMap<&'static str, Gate> {
        let mut all = BTreeMap::new();
        if self.asked.kind == PromotionKind::Rollback {
            return all;
        }
        for rules in &self.counts.rules {
            let mut gate = |asked: bool, name: &'static str, said: Gate| {
                if asked {
                    let waived = said == Gate::Closed && self.waived(name, None);
                    let said = if waived { Gate::Waived } else { said };
                    let worse = |both: &mut Gate| *both = (*both).max(said);
                    all.entry(name).and_modify(worse).or_insert(said);
                }
            };
            gate(rules.quality_gate, "quality-gate", self.quality().into());
            let most = rules.max_critical;
            gate(
                most.is_some(),
                "no-critical-vulnerability",
                self.scanned(most.unwrap_or(0)),
            );
            gate(
                rules.healthy_before,
                "healthy-before",
                self.healthy_before().into(),
            );
            gate(
                rules.no_open_critical,
                "no-open-critical-finding",
                self.nothing_critical(),
            );
        }
        // Each environment's scan is a gate of its own.
        for wanted in self.wanted() {
            let said = self.dynamically_scanned(wanted);
            let waived = said == Gate::Closed && self.waived("dynamic-scan", None);
            all.insert(wanted.as_str(), if waived { Gate::Waived } else { said });
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

    /// What a gate says of a report that may have so many findings of some severities.
    fn weighed(&self, evidence: &Evidence, gate: &str, severities: &[Severity], most: u32) -> Gate {
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

    fn quality(&self) -> bool {
        self.asked.images.keys().all(|component| {
            let gates = self
                .of(component)
                .iter()
                .filter(|e| e.kind == ReportKind::QualityGate);
            Self::newest(gates).is_some_and(|e| e.verdict == Verdict::Passed)
        })
    }

    fn scanned(&self, most: u32) -> Gate {
        let gate = "no-critical-vulnerability";
        let of = |component| {
            let kinds = [ReportKind::ImageScan, ReportKind::RegistryScan];
            let newest =
                kinds.map(|kind| Self::newest(self.of(component).iter().filter(move |e| e.kind == kind)));
            let scans = newest.into_iter().flatten();
            let said = scans.map(|e| self.weighed(e, gate, &[Severity::Critical], most));
            said.max().unwrap_or(Gate::Closed)
        };
        self.asked.images.keys().map(of).max().unwrap_or(Gate::Passed)
    }

    fn healthy_before(&self) -> bool {
        self.counts.before.is_none_or(|(_, before)| {
            before.healthy && !before.drifted && before.runs(&self.asked.images).is_some()
        })
    }

    fn dynamically_scanned(&self, wanted: Environment) -> Gate {
        if self.counts.before.is_none() {
            return Gate::Passed;
        }
        let severities = [Severity::High, Severity::Critical];
        self.scan(wanted).map_or(Gate::Closed, |(_, e)| {
            self.weighed(e, "dynamic-scan", &severities, 0)
        })
    }

    /// The environments to scan: what each of both policies asks for.
    fn wanted(&self) -> BTreeSet<Environment> {
        let rules = self.counts.rules.iter();
        rules.filter_map(|rules| rules.dynamic_scan).collect()
    }

    /// The dynamic scan that counts, and the component whose image bears it.
    fn scan(&self, wanted: Environment) -> Option<(&ComponentName, &Evidence)> {
        let (before, _) = self.counts.before?;
        let wanted = wanted.min(before);
        let chosen = self.counts.chosen.contains(&wanted);
        let mut of = Environment::all().filter(|e| *e == wanted || !chosen && *e > wanted && *e <= before);
        of.find_map(|environment| {
            let reports = |component| self.of(component).iter().map(move |e| (component, e));
            let all = self.asked.images.keys().flat_map(reports);
            let same = |(_, e): &(&ComponentName, &Evidence)| {
                let images = &self.asked.images;
                images
                    .iter()
                    .all(|(component, digest)| e.ran.get(component) == Some(digest))
            };
            all.filter(|(_, e)| e.environment == Some(environment))
                .filter(same)
                .max_by_key(|(_, e)| made(e))
        })
    }

    fn nothing_critical(&self) -> Gate {
        let of = |component| {
            let all = self.of(component);
            let said = all.iter().map(|e| {
                let same = all
                    .iter()
                    .filter(|o| o.kind == e.kind && o.environment == e.environment);
                let newest = Self::newest(same).unwrap();
                self.weighed(newest, "no-open-critical-finding", &[Severity::Critical], 0)
            });
            said.max().unwrap_or(Gate::Passed)
        };
        self.asked.images.keys().map(of).max().unwrap_or(Gate::Passed)
    }

    /// The rules about time and the change.
    fn in_time(&self, rules: &PolicyRules) -> bool {
        let soaked = rules.soak_minutes == 0
            || self.waived("soaked", None)
            || self.counts.before.is_none_or(|(_, before)| {
                let since = before.runs(&self.asked.images);
                let since = since
                    .filter(|_| before.healthy && !before.drifted)
                    .map(|since| before.well_since.map_or(since, |well| well.max(since)));
                since.is_some_and(|since| {
                    since + TimeDelta::minutes(rules.soak_minutes.into()) <= self.counts.now
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
        let all: Vec<(&ApprovalRule, u8)> = self
            .counts
            .rules
            .iter()
            .flat_map(|rules| {
                let most = rules.approvals.iter().map(|rule| rule.people).max();
                let asked = rules
                    .approvals
                    .iter()
                    .filter(move |rule| forward || Some(rule.people) == most);
                asked.map(move |rule| {
                    (
                        rule,
                        if forward {
                            rule.people
                        } else {
                            rules.rollback_approvals
                        },
                    )
                })
            })
            .collect();
        all.into_iter().all(|(rule, needed)| {
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
            people.len() >= usize::from(needed)
        })
    }
}
