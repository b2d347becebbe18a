//! Subscriptions: who is told of which events.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use opstella_domain::Decide;
use opstella_domain::subscription::{Subscription, SubscriptionEvent, SubscriptionKey};
use opstella_journal::RecordedEvent;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::place::key;
use super::rows;
use crate::decode::{bigint, decode};
use crate::{ApplyError, DashboardView, Projection};

/// Who is told of which events.
#[derive(Debug, Clone, Copy)]
pub struct Subscriptions;

const VIEWS: &[DashboardView] = &[DashboardView {
    name: "subscriptions",
    comment: "Receivers of notifications, and what they are told of",
    columns: &[
        ("project", "Slug of the project; none where it is the platform's"),
        ("subscription", "Its name there"),
        ("url", "Where the receiver is"),
        ("events", "Patterns of the events that it is told of"),
        ("enabled", "Whether it is told of anything"),
        ("disabled_reason", "Why not"),
        ("created_at", "When it was made"),
        ("updated_at", "When something last happened to it"),
    ],
    query: "SELECT s.project, s.name, s.url, s.events, s.enabled, s.disabled_reason, s.created_at, s.updated_at \
            FROM subscriptions s",
}];

const LOAD: &str = "SELECT to_jsonb(s) FROM subscriptions s WHERE s.id IN (SELECT k FROM jsonb_array_elements_text($1) AS k)";

const CLEAR: &str =
    "DELETE FROM subscriptions s WHERE s.id IN (SELECT k FROM jsonb_array_elements_text($1) AS k)";

const WRITE: &str = "
INSERT INTO subscriptions
SELECT * FROM jsonb_to_recordset($1) AS r(id text, project text, name text, url text, events text[], enabled boolean,
    disabled_reason text, created_at timestamptz, updated_at timestamptz, version bigint, state jsonb)";

#[derive(Serialize, Deserialize)]
struct Row {
    id: String,
    project: Option<String>,
    name: String,
    url: String,
    events: Vec<String>,
    enabled: bool,
    disabled_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
    state: Subscription,
}

#[async_trait]
impl Projection for Subscriptions {
    fn name(&self) -> &'static str {
        "subscriptions"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        VIEWS
    }

    fn aggregates(&self) -> Option<&'static [&'static str]> {
        Some(&[<Subscription as Decide>::TYPE])
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let ours = |event: &&RecordedEvent| event.aggregate_type == <Subscription as Decide>::TYPE;
        let ids: BTreeSet<&str> = batch
            .iter()
            .filter(ours)
            .map(|event| event.aggregate_id.as_str())
            .collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let loaded: Vec<Row> = rows::read(tx, LOAD, &ids).await?;
        let mut there: BTreeMap<String, Row> = loaded.into_iter().map(|row| (row.id.clone(), row)).collect();
        for event in batch.iter().filter(ours) {
            fold(&mut there, event)?;
        }
        let written: Vec<_> = there.into_values().collect();
        rows::write(tx, CLEAR, &ids).await?;
        rows::write(tx, WRITE, &written).await
    }
}

fn fold(there: &mut BTreeMap<String, Row>, recorded: &RecordedEvent) -> Result<(), ApplyError> {
    let event: SubscriptionEvent = decode(recorded)?;
    let id = recorded.aggregate_id.clone();
    let before = there.remove(&id);
    let mut state = before.as_ref().map(|row| row.state.clone()).unwrap_or_default();
    state.evolve(event);
    let Some(settings) = state.settings.clone() else {
        // It was deleted.
        return Ok(());
    };
    let key: SubscriptionKey = key(recorded)?;
    let row = Row {
        id: id.clone(),
        project: key.project.map(|project| project.to_string()),
        name: key.name.to_string(),
        url: settings.url.to_string(),
        events: settings.events.iter().map(ToString::to_string).collect(),
        enabled: state.disabled.is_none(),
        disabled_reason: state.disabled.clone(),
        created_at: before.map_or(recorded.recorded_at, |row| row.created_at),
        updated_at: recorded.recorded_at,
        version: bigint(recorded.sequence),
        state,
    };
    there.insert(id, row);
    Ok(())
}
