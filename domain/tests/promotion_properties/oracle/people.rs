//! Who has to say yes, and who did.

use std::collections::BTreeSet;

use opstella_domain::Subject;
use opstella_domain::policy::{ApprovalRule, PolicyRules};

use super::Oracle;
use crate::ledger::Yes;

impl Oracle<'_> {
    pub(super) fn approved(&self) -> bool {
        let all = self.counts.rules.iter().flat_map(|rules| self.asked_for(rules));
        all.into_iter().all(|(rule, needed)| {
            let said = self.asked.approvals.iter().filter(|yes| self.fits(yes, rule));
            let people: BTreeSet<&Subject> = said.map(|yes| &yes.by).collect();
            people.len() >= usize::from(needed)
        })
    }

    /// The rules of a policy, and how many people each asks for.
    fn asked_for<'b>(&self, rules: &'b PolicyRules) -> Vec<(&'b ApprovalRule, u8)> {
        if self.forward() {
            return rules.approvals.iter().map(|rule| (rule, rule.people)).collect();
        }
        let most = rules.approvals.iter().map(|rule| rule.people).max();
        let of_most = rules.approvals.iter().filter(|rule| Some(rule.people) == most);
        of_most.map(|rule| (rule, rules.rollback_approvals)).collect()
    }

    fn fits(&self, yes: &Yes, rule: &ApprovalRule) -> bool {
        let independent = self.forward() && self.counts.rules.iter().any(|rules| rules.independent_approvers);
        let other = !independent || (yes.name.is_some() && !self.wrote(yes));
        // A role that came with the project counts while the project gives it.
        let held = self.counts.members.get(&yes.by);
        let holds = |role| yes.by_token.contains(role) || held.is_some_and(|held| held.contains(role));
        let mut counting = yes.roles.iter().filter(|role| holds(role));
        yes.by != self.asked.requester && other && counting.any(|role| rule.roles.contains(role))
    }

    /// Whether somebody wrote what is in the release, under whichever name.
    pub fn wrote(&self, yes: &Yes) -> bool {
        let authors = &self.asked.authors;
        let name = |author: &Subject| {
            yes.name
                .as_deref()
                .is_some_and(|n| author.as_str().eq_ignore_ascii_case(n))
        };
        authors.contains(&yes.by) || authors.iter().any(name)
    }
}
