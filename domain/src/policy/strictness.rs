//! Which of two policies is stricter, rule by rule.

use std::collections::BTreeSet;

use super::{ApprovalRule, PolicyRules};
use crate::Environment;

impl PolicyRules {
    /// The stricter of both in each rule.
    #[must_use]
    pub fn strictest(&self, other: &Self) -> Self {
        let least = |a: Option<u32>, b: Option<u32>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let scanned: BTreeSet<Environment> = self.scanned().chain(other.scanned()).collect();
        let dynamic_scan = scanned.last().copied();
        Self {
            quality_gate: self.quality_gate || other.quality_gate,
            tests: self.tests || other.tests,
            sbom: self.sbom || other.sbom,
            max_critical: least(self.max_critical, other.max_critical),
            max_high: least(self.max_high, other.max_high),
            healthy_before: self.healthy_before || other.healthy_before,
            // A scan of one environment says nothing of another: both are asked for.
            dynamic_scan,
            also_scanned: scanned.into_iter().filter(|e| Some(*e) != dynamic_scan).collect(),
            no_open_critical: self.no_open_critical || other.no_open_critical,
            soak_minutes: self.soak_minutes.max(other.soak_minutes),
            approvals: both(&self.approvals, &other.approvals),
            independent_approvers: self.independent_approvers || other.independent_approvers,
            change_reference: self.change_reference || other.change_reference,
            rollback_approvals: self.rollback_approvals.max(other.rollback_approvals),
            freezes: united(&self.freezes, &other.freezes),
            custom: united(&self.custom, &other.custom),
        }
    }

    /// The environments of which a dynamic scan is asked for.
    fn scanned(&self) -> impl Iterator<Item = Environment> {
        self.dynamic_scan.iter().chain(&self.also_scanned).copied()
    }

    /// The rules in which these are looser than `base`: empty where they may override it. What adds up is none of them:
    /// freezes and custom gates of both count, and scans of different environments.
    pub fn looser_than(&self, base: &Self) -> Vec<&'static str> {
        let both = self.strictest(base);
        let mut looser = Vec::new();
        let mut look = |name: &'static str, differs: bool| {
            if differs {
                looser.push(name);
            }
        };
        look("quality_gate", both.quality_gate != self.quality_gate);
        look("tests", both.tests != self.tests);
        look("sbom", both.sbom != self.sbom);
        look("max_critical", both.max_critical != self.max_critical);
        look("max_high", both.max_high != self.max_high);
        look("healthy_before", both.healthy_before != self.healthy_before);
        look(
            "dynamic_scan",
            base.dynamic_scan.is_some() && self.dynamic_scan.is_none(),
        );
        look("no_open_critical", both.no_open_critical != self.no_open_critical);
        look("soak_minutes", both.soak_minutes != self.soak_minutes);
        look("approvals", !covered(&base.approvals, &self.approvals));
        look(
            "independent_approvers",
            both.independent_approvers != self.independent_approvers,
        );
        look("change_reference", both.change_reference != self.change_reference);
        look(
            "rollback_approvals",
            both.rollback_approvals != self.rollback_approvals,
        );
        looser
    }
}

/// All of both, each once.
fn united<T: Clone + PartialEq>(first: &[T], second: &[T]) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for item in first.iter().chain(second) {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
    all
}

/// All rules of both, without those that another one covers.
fn both(first: &[ApprovalRule], second: &[ApprovalRule]) -> Vec<ApprovalRule> {
    let mut all = united(first, second);
    all.sort();
    let rules = all.clone();
    all.retain(|rule| !rules.iter().any(|other| other != rule && covers(other, rule)));
    all
}

/// Whether whoever satisfies `strict` satisfies `rule` as well.
fn covers(strict: &ApprovalRule, rule: &ApprovalRule) -> bool {
    strict.people >= rule.people && strict.roles.is_subset(&rule.roles)
}

fn covered(base: &[ApprovalRule], by: &[ApprovalRule]) -> bool {
    base.iter()
        .all(|rule| by.iter().any(|strict| covers(strict, rule)))
}
