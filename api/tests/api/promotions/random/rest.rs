//! When nothing moves any more: do tools and read model agree?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ORDER, Random, VERSIONS};

/// How often an operator retries a step before going on without it.
const RETRIES: u32 = 3;

impl Random<'_> {
    /// Tools are well again, operators deal with what is stuck, and then nothing goes on any more.
    pub async fn rest(&mut self) {
        self.delivery.sandbox.clear_faults();
        let mut tries: BTreeMap<(String, String), u32> = BTreeMap::new();
        let mut skipped = 0;
        let quiet = async || {
            let stuck = self.runs("stuck").await;
            for run in &stuck {
                let id = run["id"].as_str().unwrap();
                let run = self.delivery.get("root", &format!("/runs/{id}")).await.body;
                let Some(step) = run["stuck_on"].as_str() else {
                    continue;
                };
                let tried = tries.entry((id.to_owned(), step.to_owned())).or_default();
                // What an operator skipped before may be what keeps the rest from being undone.
                let (verb, body) = if *tried < RETRIES {
                    ("retry", json!({"step": step}))
                } else {
                    ("skip", json!({"step": step, "reason": "it will not be undone"}))
                };
                let path = format!("/runs/{id}/{verb}");
                let answer = self.delivery.post("alice", &path, body).await;
                if answer.status.is_success() {
                    *tried += 1;
                    skipped += usize::from(verb == "skip");
                }
            }
            let going = [stuck, self.runs("running").await, self.runs("unwinding").await];
            let promotions = self.promotions().await;
            let dev = |version: &str| {
                let is = |p: &Value| p["environment"] == "DEV" && p["release"] == version;
                promotions.iter().any(is)
            };
            let came = VERSIONS[..self.registered].iter().all(|version| dev(version));
            let deploys = promotions.iter().any(|p| p["state"] == "deploying");
            (came && !deploys && going.iter().all(Vec::is_empty)).then_some(())
        };
        self.delivery.until("rest", quiet).await;
        self.given_up += skipped;
    }

    pub async fn check(&self) {
        let promotions = self.promotions().await;
        for environment in ORDER {
            let left = |p: &Value| p["environment"] == environment && p["left_behind"] == true;
            // The service has four of them at first.
            if !self.delivery.cell(environment).await.is_null() {
                self.agree(environment, promotions.iter().any(left)).await;
            }
        }
        for promotion in &promotions {
            let approvals = promotion["approvals"].as_array().unwrap();
            let own = approvals.iter().any(|a| a["by"] == promotion["requester"]);
            assert!(!own, "{promotion:#}");
            let left = promotion["left_behind"] == true;
            assert!(!left || self.given_up > 0, "{promotion:#}");
            let forward = promotion["kind"] == "promote";
            if promotion["environment"] == "PRD" && forward && promotion["state"] == "completed" {
                let by: BTreeSet<&str> = approvals.iter().filter_map(|a| a["by"].as_str()).collect();
                assert!(by.len() >= 2, "{promotion:#}");
            }
        }
        self.records().await;
    }

    /// What Argo CD runs is what the matrix says: what was brought there last, or, where an operator left something
    /// behind, a drift of just that.
    async fn agree(&self, environment: &str, left_behind: bool) {
        let agrees = async || {
            let cell = self.delivery.cell(environment).await;
            let runs = self.delivery.runs(environment);
            let brought = match cell["images"]["api"].as_str() {
                Some(digest) => runs.ends_with(digest),
                // Nothing was brought there: what runs is what the template wrote.
                None => left_behind || !runs.contains("@sha256:"),
            };
            let says = match cell["drift"]["found"]["api"].as_str() {
                Some(found) => left_behind && runs.contains(found),
                None => brought,
            };
            (says && cell["in_flight"]["state"] != "deploying").then_some(())
        };
        self.delivery
            .until(&format!("Argo CD and matrix to agree on {environment}"), agrees)
            .await;
    }
}
