//! Random commands by random people, with engine and promoter running: whatever happens, at rest the tools run what the
//! read model says, one promotion at a time deploys into an environment, nobody approves what they asked for, and nothing
//! comes to production without the approvals that it takes.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::delivery::{Delivery, digest};
use crate::support::reports;

const ENVIRONMENTS: [&str; 4] = ["DEV", "SIT", "UAT", "PRD"];
const VERSIONS: [&str; 4] = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "grace", "heidi"];
/// Who has to approve what comes to production, whatever its other rules become.
const PRODUCTION: [&str; 3] = ["approver", "owner", "security"];
/// Sequences of commands, each of this many, with a rest after it.
const CASES: usize = 6;
const COMMANDS: usize = 40;

struct Random<'a> {
    delivery: &'a Delivery,
    dice: StdRng,
    registered: usize,
}

impl Random<'_> {
    fn one_of<'b>(&mut self, all: &[&'b str]) -> &'b str {
        all[self.dice.random_range(0..all.len())]
    }

    /// A promotion that is not over, if there is one.
    async fn open(&mut self) -> Option<String> {
        let page = self
            .delivery
            .get("root", "/promotions?limit=200")
            .await
            .expect(200);
        let items = page.body["items"].as_array().unwrap().clone();
        let open: Vec<&Value> = items.iter().filter(|p| p["finished_at"].is_null()).collect();
        if open.is_empty() {
            return None;
        }
        let id = open[self.dice.random_range(0..open.len())]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        Some(format!("{}/promotions/{id}", crate::support::delivery::SERVICE))
    }

    /// The run of a promotion that deploys, if there is one.
    async fn deploying(&self) -> Option<String> {
        let path = "/runs?saga=promote&status=running&limit=200";
        let page = self.delivery.get("root", path).await.expect(200);
        Some(
            page.body["items"].as_array().unwrap().first()?["id"]
                .as_str()?
                .to_owned(),
        )
    }

    /// One command. What it may be refused with is no fault of the server.
    async fn act(&mut self) {
        let who = self.one_of(&PEOPLE);
        let environment = self.one_of(&["DEV", "SIT", "SIT", "UAT", "UAT", "PRD", "PRD"]);
        let version = self.one_of(&VERSIONS[..self.registered.max(1)]);
        let service = crate::support::delivery::SERVICE;
        let answer = match self.dice.random_range(0..13) {
            0 if self.registered < VERSIONS.len() => {
                let version = VERSIONS[self.registered];
                if self.dice.random_bool(0.3) {
                    let argocd = &self.delivery.tools.argocd;
                    argocd.judge(&digest(version), "Degraded", "it does not come up");
                }
                self.registered += 1;
                self.delivery.release(version).await;
                return;
            }
            0..4 => {
                let busy = self.one_of(&["refuse", "queue"]);
                let body = json!({"release": version, "when_busy": busy});
                let who = self.one_of(&["alice", "dave", "grace", "heidi"]);
                self.delivery.promote(who, environment, body).await
            }
            4 => {
                let body = json!({"environment": environment, "when_busy": "queue"});
                self.delivery
                    .post(who, &format!("{service}/promotions:rollback"), body)
                    .await
            }
            5..8 => match self.open().await {
                Some(promotion) => self.delivery.approve(who, &promotion).await,
                None => return,
            },
            8 => match self.open().await {
                Some(promotion) => {
                    let verb = self.one_of(&["reject", "cancel"]);
                    let why = json!({"reason": "the dice say so"});
                    self.delivery.post(who, &format!("{promotion}/{verb}"), why).await
                }
                None => return,
            },
            9 => {
                let most = self.dice.random_range(1..9);
                let stricter = self.one_of(&["UAT", "PRD"]);
                self.delivery.set_rules(stricter, json!({"max_high": most})).await;
                return;
            }
            10 => match self.deploying().await {
                Some(run) => {
                    let why = json!({"reason": "the dice say so"});
                    self.delivery
                        .post("alice", &format!("/runs/{run}/cancel"), why)
                        .await
                }
                None => return,
            },
            11 => {
                let waiver = json!({
                    "gate": "no-critical-vulnerability", "reason": "the dice say so",
                    "expires_at": Utc::now() + TimeDelta::hours(1),
                });
                let path = format!("{service}/releases/{version}/waivers");
                self.delivery.post(who, &path, waiver).await
            }
            _ => {
                let critical = self
                    .dice
                    .random_bool(0.3)
                    .then_some(("CVE-2026-31337", "CRITICAL"));
                let scan = reports::image_scan(critical.as_slice());
                self.delivery.evidence(version, "image-scan", "", &scan).await
            }
        };
        assert!(answer.status.as_u16() < 500, "{:#}", answer.body);
    }

    /// Waits until nothing deploys and nothing waits for its turn without one in flight.
    async fn rest(&self) {
        let quiet = async || {
            let page = self
                .delivery
                .get("root", "/promotions?limit=200")
                .await
                .expect(200);
            let items = page.body["items"].as_array().unwrap().clone();
            let moving = |p: &&Value| p["state"] == "deploying";
            let sealed = VERSIONS[..self.registered].iter();
            let mut missing = sealed.filter(|v| {
                let dev = |p: &&Value| p["environment"] == "DEV" && p["release"] == **v;
                !items.iter().any(|p| dev(&p))
            });
            (missing.next().is_none() && !items.iter().any(|p| moving(&p))).then_some(())
        };
        self.delivery.until("rest", quiet).await;
    }

    async fn check(&self) {
        for environment in ENVIRONMENTS {
            let agrees = async || {
                let cell = self.delivery.cell(environment).await;
                let runs = self.delivery.runs(environment);
                let says = match cell["images"]["api"].as_str() {
                    Some(digest) => runs.ends_with(digest),
                    // Nothing was brought there: what runs is what the template wrote.
                    None => !runs.contains("@sha256:"),
                };
                (says && cell["drift"].is_null() && cell["in_flight"]["state"] != "deploying").then_some(())
            };
            self.delivery
                .until(&format!("Argo CD and matrix to agree on {environment}"), agrees)
                .await;
        }
        let page = self
            .delivery
            .get("root", "/promotions?limit=200")
            .await
            .expect(200);
        for promotion in page.body["items"].as_array().unwrap() {
            let approvals = promotion["approvals"].as_array().unwrap();
            let own = approvals.iter().any(|a| a["by"] == promotion["requester"]);
            assert!(!own, "{promotion:#}");
            assert_ne!(promotion["left_behind"], true, "{promotion:#}");
            let forward = promotion["kind"] == "promote";
            if promotion["environment"] == "PRD" && forward && promotion["state"] == "completed" {
                let by: BTreeSet<&str> = approvals.iter().filter_map(|a| a["by"].as_str()).collect();
                assert!(by.len() >= 2, "{promotion:#}");
            }
        }
        self.one_at_a_time().await;
    }

    /// Deployments into an environment, by its own events: each ends before the next starts.
    async fn one_at_a_time(&self) {
        let pool = self.delivery.serving().state().journal.pool().clone();
        let sql = "SELECT aggregate_id, event_type FROM events WHERE aggregate_type = 'Environment'
            AND event_type IN ('DeploymentStarted', 'PromotionCompleted', 'PromotionFailed', 'DeploymentRolledBack')
            ORDER BY aggregate_id, sequence";
        let events: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&pool).await.unwrap();
        let mut deploying: Option<String> = None;
        for (environment, event) in events {
            // A rollback that would go forward by now fails without having started.
            if event == "PromotionFailed" && deploying.as_ref() != Some(&environment) {
                continue;
            }
            if event == "DeploymentStarted" {
                assert_ne!(deploying.as_ref(), Some(&environment), "two at once");
                deploying = Some(environment);
            } else {
                assert_eq!(deploying.take(), Some(environment), "{event} of nothing");
            }
        }
    }
}

async fn story(seed: u64) -> usize {
    eprintln!("seed {seed}");
    let delivery = Delivery::start(&ENVIRONMENTS).await;
    let two = json!({
        "soak_minutes": 0, "change_reference": false, "dynamic_scan": null,
        "approvals": [{"roles": PRODUCTION, "people": 2}],
    });
    delivery.set_rules("PRD", two).await;
    let mut random = Random {
        delivery: &delivery,
        dice: StdRng::seed_from_u64(seed),
        registered: 0,
    };
    for _ in 0..CASES {
        for _ in 0..COMMANDS {
            random.act().await;
        }
        random.rest().await;
        random.check().await;
    }
    drop(random);
    // Or nothing was tried.
    let page = delivery.get("root", "/promotions?limit=200").await.expect(200);
    let beyond = |p: &&Value| p["environment"] != "DEV" && p["state"] == "completed";
    let completed = page.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(beyond)
        .count();
    eprintln!("{completed} promotions beyond DEV completed");
    delivery.stop().await;
    completed
}

#[tokio::test(flavor = "multi_thread")]
async fn known_sequences_leave_tools_and_read_model_in_agreement() {
    assert!(story(20_261_125).await > 0, "nothing went beyond DEV");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_sequences_leave_tools_and_read_model_in_agreement() {
    for _ in 0..2 {
        story(rand::random()).await;
    }
}
