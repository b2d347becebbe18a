//! Releases and promotions.

use chrono::{TimeDelta, Utc};
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::acts::items;
use super::{Random, VERSIONS};
use crate::support::delivery::{CI, SERVICE, digest};
use crate::support::{Answer, reports};

const WHY: &str = "the dice say so";

impl Random<'_> {
    /// Every promotion that there was.
    pub async fn promotions(&self) -> Vec<Value> {
        let page = self.delivery.get("root", "/promotions?limit=200").await;
        items(&page.expect(200)).to_vec()
    }

    /// A promotion that is not over, if there is one.
    async fn open(&mut self) -> Option<String> {
        let mut open = self.promotions().await;
        open.retain(|p| p["finished_at"].is_null() && p["state"] != "deploying");
        if open.is_empty() {
            return None;
        }
        let one = &open[self.dice.random_range(0..open.len())];
        Some(format!("{SERVICE}/promotions/{}", one["id"].as_str().unwrap()))
    }

    pub async fn register(&mut self) -> Option<Answer> {
        let version = *VERSIONS.get(self.registered)?;
        if self.dice.random_bool(0.3) {
            let argocd = &self.delivery.tools.argocd;
            argocd.judge(&digest(version), "Degraded", "it does not come up");
        }
        self.registered += 1;
        self.delivery.release(version).await;
        None
    }

    pub async fn of_release(&mut self, act: &str) -> Option<Answer> {
        let version = self.version();
        let who = self.one_of(&["alice", "carol", "carol", "dave"]);
        let path = format!("{SERVICE}/releases/{version}");
        Some(match act {
            "SealRelease" => self.delivery.post(CI, &format!("{path}/seal"), json!({})).await,
            "GrantWaiver" => {
                let waiver = json!({
                    "gate": "no-critical-vulnerability", "reason": WHY,
                    "expires_at": Utc::now() + TimeDelta::hours(1),
                });
                self.delivery.post(who, &format!("{path}/waivers"), waiver).await
            }
            "RevokeWaiver" => {
                let shown = self.delivery.get("root", &path).await;
                let waiver = shown.body["waivers"][0]["id"].as_str()?.to_owned();
                let path = format!("{path}/waivers/{waiver}");
                let request = self.delivery.request(who, Method::DELETE, &path);
                Answer::of(request.json(&json!({"reason": WHY})).send().await.unwrap()).await
            }
            _ => {
                let critical = self
                    .dice
                    .random_bool(0.3)
                    .then_some(("CVE-2026-31337", "CRITICAL"));
                let scan = reports::image_scan(critical.as_slice());
                self.delivery.evidence(version, "image-scan", "", &scan).await
            }
        })
    }

    pub async fn ask(&mut self, act: &str) -> Answer {
        let who = self.one_of(&["alice", "dave", "grace", "heidi"]);
        let busy = self.one_of(&["refuse", "queue"]);
        match act.strip_prefix("PromoteTo") {
            Some(environment) => {
                let version = self.version();
                let body = json!({"release": version, "when_busy": busy});
                self.delivery.promote(who, environment, body).await
            }
            None => {
                let environment = self.one_of(&["DEV", "SIT", "UAT", "PRD"]);
                let body = json!({"environment": environment, "when_busy": busy});
                let path = format!("{SERVICE}/promotions:rollback");
                self.delivery.post(who, &path, body).await
            }
        }
    }

    pub async fn answer(&mut self, act: &str) -> Option<Answer> {
        let promotion = self.open().await?;
        let who = self.one_of(&["alice", "bob", "carol", "dave", "grace", "heidi", "judy"]);
        let (admin, other) = match self.dice.random_range(0..5) {
            0 => ("alice", "root"),
            1 => ("root", "root"),
            2 => ("admin2", "root"),
            _ => ("root", "admin2"),
        };
        let (path, why) = (|verb: &str| format!("{promotion}/{verb}"), json!({"reason": WHY}));
        Some(match act {
            "Approve" => self.delivery.approve(who, &promotion).await,
            "Reject" => self.delivery.post(who, &path("reject"), why).await,
            "CancelPromotion" => self.delivery.post(who, &path("cancel"), why).await,
            "OverrideFreeze" => self.delivery.post(admin, &path("override-freeze"), why).await,
            _ => {
                // Mostly there is one to confirm.
                let _ = self.delivery.post(admin, &path("override-freeze"), why).await;
                let confirm = path("confirm-freeze-override");
                self.delivery.post(other, &confirm, json!({})).await
            }
        })
    }
}
