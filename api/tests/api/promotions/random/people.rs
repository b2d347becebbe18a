//! Policies, members, and operators of runs.

use chrono::{TimeDelta, Utc};
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::Random;
use super::acts::items;
use crate::support::Answer;

impl Random<'_> {
    /// Stricter or less strict, with a freeze that holds or without; production keeps its approvals.
    pub async fn set_policy(&mut self, act: &str) -> Answer {
        let environment = self.one_of(&["SIT", "UAT", "PRD"]);
        let project = act == "SetProjectPolicy";
        let path = format!("/policies/{environment}");
        let mut rules = self.delivery.get("root", &path).await.expect(200).body["rules"].clone();
        rules["max_high"] = json!(self.dice.random_range(1..9));
        rules["freezes"] = match self.dice.random_bool(0.4) {
            true => json!([freeze()]),
            false => json!([]),
        };
        let path = match project {
            true => format!("/projects/payments{path}"),
            false => path,
        };
        let who = self.one_of(&["root", "carol", "alice"]);
        self.delivery
            .put(if project { who } else { "root" }, &path, json!({"rules": rules}))
            .await
    }

    pub async fn change_member(&mut self, act: &str) -> Answer {
        let member = self.one_of(&["judy", "judy", "frank"]);
        let member = self.delivery.sandbox.keycloak().unwrap().subject_of(member);
        let role = self.one_of(&["tester", "approver", "owner", "viewer"]);
        let who = self.one_of(&["alice", "root", "grace"]);
        let body = json!({"member": member, "role": role});
        let path = "/projects/payments/members";
        match act {
            "GrantRole" => self.delivery.post(who, path, body).await,
            _ => {
                let request = self.delivery.request(who, Method::DELETE, path).json(&body);
                Answer::of(request.send().await.unwrap()).await
            }
        }
    }

    /// Runs that stand so.
    pub async fn runs(&self, status: &str) -> Vec<Value> {
        let page = self
            .delivery
            .get("root", &format!("/runs?status={status}&limit=200"))
            .await;
        items(&page.expect(200)).to_vec()
    }

    /// An operator, mostly of a run that waits for one.
    pub async fn operate(&mut self, act: &str) -> Option<Answer> {
        let mut runs = self.runs("stuck").await;
        if runs.is_empty() || self.dice.random_bool(0.2) {
            runs = self.runs("running").await;
        }
        // A service that is not made is no place for promotions.
        runs.retain(|run| run["saga"] == "promote");
        if runs.is_empty() {
            return None;
        }
        let id = runs[self.dice.random_range(0..runs.len())]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let run = self
            .delivery
            .get("root", &format!("/runs/{id}"))
            .await
            .expect(200)
            .body;
        let step = run["stuck_on"].as_str().unwrap_or("argocd.sync/api").to_owned();
        let who = self.one_of(&["alice", "alice", "root", "grace"]);
        let (verb, body) = match act {
            "RetryStep" => ("retry", json!({"step": step})),
            "SkipStep" => ("skip", json!({"step": step, "reason": "by hand"})),
            "CancelRun" => ("cancel", json!({"reason": "by hand"})),
            _ => ("abandon", json!({"reason": "by hand"})),
        };
        let answer = self.delivery.post(who, &format!("/runs/{id}/{verb}"), body).await;
        let left = ["SkipStep", "AbandonRun"].contains(&act) && answer.status.is_success();
        self.given_up += usize::from(left);
        Some(answer)
    }
}

/// A freeze that holds as long as the test lasts.
fn freeze() -> Value {
    let text = |at: chrono::DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S").to_string();
    let (from, to) = (Utc::now() - TimeDelta::hours(2), Utc::now() + TimeDelta::hours(9));
    json!({
        "name": "the dice say so", "timezone": "UTC",
        "when": {"type": "once", "from": text(from), "to": text(to)},
    })
}
