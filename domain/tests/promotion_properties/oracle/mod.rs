//! What the policies ask for, said once more: slowly, both policies one after the other, from what was written down.

mod evidence;
mod people;
mod scans;
mod time;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::evidence::Evidence;
use opstella_domain::policy::{ApproverRole, PolicyRules};
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
    pub chosen: &'a BTreeSet<Environment>,
    pub before: Option<(Environment, &'a Ledger)>,
    /// Every report that was ever sent, in order.
    pub reports: &'a BTreeMap<(ComponentName, Digest), Vec<Evidence>>,
    pub waivers: Vec<&'a Waiver>,
    /// What gates in Rego say; nothing of those that nobody looked at.
    pub custom: &'a BTreeMap<&'static str, bool>,
    /// In which roles people are members of the project.
    pub members: &'a BTreeMap<Subject, BTreeSet<ApproverRole>>,
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
        let free = !self.forward() || self.counts.rules.iter().all(|rules| self.in_time(rules));
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

    fn forward(&self) -> bool {
        self.asked.kind == PromotionKind::Promote
    }

    /// The gates on evidence and health: named, and what they say.
    fn gates(&self) -> BTreeMap<&'static str, Gate> {
        let mut all = BTreeMap::new();
        if !self.forward() {
            return all;
        }
        let mut gate = |name: &'static str, said: Gate| {
            let waived = said == Gate::Closed && self.waived(name, None);
            let said = if waived { Gate::Waived } else { said };
            let worse = |both: &mut Gate| *both = (*both).max(said);
            all.entry(name).and_modify(worse).or_insert(said);
        };
        for rules in &self.counts.rules {
            self.look(rules, &mut gate);
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
}
