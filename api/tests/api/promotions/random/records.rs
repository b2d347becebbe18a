//! What the events say, read by somebody who does not know the code that wrote them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ENVIRONMENTS, ORDER, Random};

/// Between the look at policies and the event that follows from it another policy may have come: then a second look
/// holds the deployment back, before it changes anything. In milliseconds.
const RACE: i64 = 3000;

/// A promotion, as its events tell.
#[derive(Default)]
struct Told {
    requester: String,
    release: String,
    forward: bool,
    approvers: BTreeSet<String>,
    /// Who wanted to break the glass, and who confirmed.
    glass: Vec<String>,
}

/// What happened so far.
#[derive(Default)]
struct Records {
    promotions: BTreeMap<String, Told>,
    /// The one that deploys, by environment.
    deploying: BTreeMap<String, String>,
    /// Releases that came, by environment.
    came: BTreeSet<(String, String)>,
    /// When the environments were added.
    added: BTreeMap<String, i64>,
    /// When the rules of an environment were set, and whether they have a freeze: by policy.
    frozen: BTreeMap<String, Vec<(i64, bool)>>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Random<'_> {
    pub async fn records(&self) {
        let pool = self.delivery.serving().state().journal.pool().clone();
        let sql = "SELECT aggregate_type, aggregate_id, event_type, payload::text,
                (extract(epoch FROM recorded_at) * 1000)::bigint
            FROM events WHERE aggregate_type = 'Policy' OR aggregate_id LIKE 'payments/checkout%'
            ORDER BY transaction_id, position";
        let rows: Vec<(String, String, String, String, i64)> =
            sqlx::query_as(sql).fetch_all(&pool).await.unwrap();
        let mut records = Records::default();
        for (of, id, kind, payload, at) in rows {
            let payload: Value = serde_json::from_str(&payload).unwrap();
            records.read(&of, &id, &kind, payload.get(&kind).unwrap_or(&payload), at);
        }
    }
}

impl Records {
    fn read(&mut self, of: &str, id: &str, kind: &str, body: &Value, at: i64) {
        let place = id.rsplit('/').next().unwrap();
        match (of, kind) {
            ("Policy", "PolicySet") => {
                let frozen = body["rules"]["freezes"]
                    .as_array()
                    .is_some_and(|all| !all.is_empty());
                self.frozen.entry(id.to_owned()).or_default().push((at, frozen));
            }
            ("Service", "EnvironmentAdded") => _ = self.added.insert(text(&body["environment"]), at),
            ("Environment", _) => self.environment(place, kind, body, at),
            _ => {}
        }
    }

    fn environment(&mut self, place: &str, kind: &str, body: &Value, at: i64) {
        let promotion = text(&body["promotion"]);
        let told = self.promotions.entry(promotion.clone()).or_default();
        match kind {
            "PromotionRequested" => {
                told.requester = text(&body["requester"]);
                told.release = text(&body["release"]);
                told.forward = body["kind"] == "promote";
            }
            "PromotionApproved" => {
                let by = text(&body["approval"]["by"]);
                assert_ne!(by, told.requester, "a requester approves");
                told.approvers.insert(by);
            }
            "ApprovalsVoided" => told.approvers.clear(),
            "FreezeOverrideRequested" => told.glass = vec![text(&body["by"])],
            "FreezeOverridden" => {
                let by = text(&body["by"]);
                assert!(
                    told.glass.len() == 1 && !told.glass.contains(&by),
                    "one breaks the glass"
                );
                told.glass.push(by);
            }
            "DeploymentStarted" => {
                let flying = self.deploying.insert(place.to_owned(), promotion.clone());
                assert_eq!(flying, None, "two at once into {place}");
                self.may_start(place, &promotion, at);
            }
            "PromotionCompleted" => {
                self.came.insert((place.to_owned(), told.release.clone()));
                assert_eq!(self.deploying.remove(place), Some(promotion), "{place}");
            }
            "DeploymentRolledBack" => {
                assert_eq!(self.deploying.remove(place), Some(promotion), "{place}");
            }
            // One that cannot be carried out any more fails without having started.
            "PromotionFailed" if self.deploying.get(place) == Some(&promotion) => {
                self.deploying.remove(place);
            }
            _ => {}
        }
    }

    fn may_start(&self, place: &str, promotion: &str, at: i64) {
        let told = &self.promotions[promotion];
        if !told.forward {
            return;
        }
        if place == "PRD" {
            assert!(told.approvers.len() >= 2, "{promotion} without its approvals");
        }
        let there = |e: &&&str| {
            ENVIRONMENTS.contains(*e) || self.added.get(**e).is_some_and(|added| *added + RACE < at)
        };
        if let Some(before) = ORDER.iter().take_while(|e| **e != place).filter(there).last() {
            let reached = self.came.contains(&((*before).to_owned(), told.release.clone()));
            assert!(reached, "{promotion} skips {before}");
        }
        for policy in [place.to_owned(), format!("payments/{place}")] {
            let set = self.frozen.get(&policy).map_or(&[][..], Vec::as_slice);
            let settled = set.last().is_some_and(|(when, _)| *when + RACE < at);
            let frozen = settled && set.last().is_some_and(|(_, frozen)| *frozen);
            assert!(!frozen || told.glass.len() == 2, "{promotion} goes into a freeze");
        }
    }
}
