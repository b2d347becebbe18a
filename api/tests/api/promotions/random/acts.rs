//! What may happen, and how often.

use opstella_sandbox::Fault;
use rand::RngExt;
use serde_json::Value;

use super::{Random, VERSIONS};
use crate::support::Answer;

/// A tool takes our credential no more: what needs it is stuck until an operator comes.
const REFUSES: &str = "a tool refuses";
/// It does again.
const TAKES: &str = "a tool takes";

/// Every command by its name in the table of permissions, with its weight.
pub const ACTS: &[(&str, u32)] = &[
    (REFUSES, 2),
    (TAKES, 6),
    ("RegisterRelease", 8),
    ("SealRelease", 1),
    ("AddEvidence", 6),
    ("GrantWaiver", 4),
    ("RevokeWaiver", 2),
    ("PromoteToDev", 2),
    ("PromoteToSit", 9),
    ("PromoteToUat", 9),
    ("PromoteToPre", 6),
    ("PromoteToPrd", 9),
    ("Rollback", 6),
    ("Approve", 20),
    ("Reject", 2),
    ("CancelPromotion", 2),
    ("OverrideFreeze", 6),
    ("ConfirmFreezeOverride", 6),
    ("SetPolicy", 4),
    ("SetProjectPolicy", 1),
    ("GrantRole", 3),
    ("RevokeRole", 3),
    ("RetryStep", 4),
    ("SkipStep", 3),
    ("CancelRun", 4),
    ("AbandonRun", 2),
    ("CreateProject", 1),
    ("CreateService", 1),
    ("AddComponent", 1),
    ("AddEnvironment", 1),
    ("DecommissionService", 1),
    ("RegisterTemplate", 1),
    ("ConnectTool", 1),
    ("CreateSubscription", 1),
    ("ChangeSubscription", 1),
    ("EnableSubscription", 1),
    ("DisableSubscription", 1),
    ("RotateSubscriptionSecret", 1),
    ("PingSubscription", 1),
    ("ReplayDeadLetter", 1),
    ("ReplayDeadLetters", 1),
    ("DeleteSubscription", 1),
];

impl Random<'_> {
    pub fn one_of<'b>(&mut self, all: &[&'b str]) -> &'b str {
        all[self.dice.random_range(0..all.len())]
    }

    pub fn version(&mut self) -> &'static str {
        self.one_of(&VERSIONS[..self.registered.max(1)])
    }

    fn any(&mut self) -> &'static str {
        let all: u32 = ACTS.iter().map(|(_, weight)| weight).sum();
        let mut left = self.dice.random_range(0..all);
        for (name, weight) in ACTS {
            match left.checked_sub(*weight) {
                Some(less) => left = less,
                None => return name,
            }
        }
        unreachable!("the weights are summed")
    }

    /// This act, or any. What it may be refused with is no fault of the server.
    pub async fn act(&mut self, next: Option<&'static str>) {
        let act = next.unwrap_or_else(|| self.any());
        *self.taken.entry(act).or_default() += 1;
        if let Some(answer) = self.take(act).await {
            assert!(answer.status.as_u16() < 500, "{act}: {:#}", answer.body);
        }
    }

    /// None where there was nothing to do it to.
    async fn take(&mut self, act: &str) -> Option<Answer> {
        match act {
            REFUSES => {
                self.refuse();
                None
            }
            TAKES => {
                self.delivery.sandbox.clear_faults();
                None
            }
            "RegisterRelease" => self.register().await,
            "SealRelease" | "AddEvidence" | "GrantWaiver" | "RevokeWaiver" => self.of_release(act).await,
            "PromoteToDev" | "PromoteToSit" | "PromoteToUat" | "PromoteToPre" | "PromoteToPrd"
            | "Rollback" => Some(self.ask(act).await),
            "Approve" | "Reject" | "CancelPromotion" | "OverrideFreeze" | "ConfirmFreezeOverride" => {
                self.answer(act).await
            }
            "SetPolicy" | "SetProjectPolicy" => Some(self.set_policy(act).await),
            "GrantRole" | "RevokeRole" => Some(self.change_member(act).await),
            "RetryStep" | "SkipStep" | "CancelRun" | "AbandonRun" => self.operate(act).await,
            other => Some(self.set_up(other).await),
        }
    }

    fn refuse(&mut self) {
        let tool = self.one_of(&["argocd", "gitlab", "harbor", "kubernetes"]);
        let after = self.dice.random_range(0..12);
        let fault = Fault::on(tool).status(401).times(40).skip(after);
        self.delivery.sandbox.add_fault(fault).unwrap();
    }
}

/// The items of a page.
pub fn items(answer: &Answer) -> &[Value] {
    answer.body["items"].as_array().unwrap()
}
