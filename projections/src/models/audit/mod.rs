//! The audit log: every event, who caused it and what it concerns.
//!
//! It takes whatever is in the journal: an event that nobody understands is still on record here.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use opstella_domain::Decide;
use opstella_domain::evidence::Artifact;
use opstella_domain::policy::Policy;
use opstella_domain::project::Project;
use opstella_domain::promotion::ServiceEnvironment;
use opstella_domain::release::Release;
use opstella_domain::run::Run;
use opstella_domain::service::Service;
use opstella_domain::subscription::Subscription;
use opstella_journal::RecordedEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows;
use crate::decode::{bigint, halves};
use crate::{ApplyError, DashboardView, Projection};

/// Who did what, when and why.
#[derive(Debug, Clone, Copy)]
pub struct Audit;

const VIEWS: &[DashboardView] = &[DashboardView {
    name: "audit_log",
    comment: "Every event: who did what, when and why",
    columns: &[
        ("position", "Place in the order of all events"),
        ("recorded_at", "When PostgreSQL took it"),
        ("aggregate_type", "What kind of thing it happened to"),
        ("aggregate_id", "Which of them"),
        ("sequence", "Number in that thing's history"),
        ("event_type", "What happened"),
        (
            "actor",
            "Subject of who caused it, or the part of Opstella that did",
        ),
        ("actor_name", "The name that people know"),
        ("command", "The command that led to it"),
        ("reason", "Why, in the words of who did it"),
        ("project", "Slug of the project that it concerns"),
        ("service", "Name of the service that it concerns"),
        ("run_id", "The run that it belongs to"),
        ("correlation", "Shared by everything that one request led to"),
        ("causation", "What led to it directly"),
    ],
    query: "SELECT a.transaction_id || '-' || a.position, a.recorded_at, a.aggregate_type, a.aggregate_id, a.sequence, \
            a.event_type, a.actor, a.actor_name, a.command, a.reason, a.project, a.service, a.run_id, a.correlation, \
            a.causation FROM audit_events a",
}];

const LOAD_RUNS: &str = "SELECT to_jsonb(r) FROM audit_runs r WHERE r.run_id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

const RUNS: &str = "
INSERT INTO audit_runs SELECT * FROM jsonb_to_recordset($1) AS r(run_id uuid, project text, service text)
ON CONFLICT (run_id) DO NOTHING";

const EVENTS: &str = "
INSERT INTO audit_events
SELECT * FROM jsonb_to_recordset($1) AS r(transaction_id bigint, position bigint, recorded_at timestamptz,
    aggregate_type text, aggregate_id text, sequence bigint, event_type text, event_version text, actor text,
    actor_name text, actor_roles text[], actor_client text, actor_address text, command text, correlation text,
    causation text, reason text, project text, service text, run_id uuid)";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RunRow {
    run_id: Uuid,
    project: String,
    service: String,
}

#[derive(Serialize)]
struct EventRow {
    transaction_id: i64,
    position: i64,
    recorded_at: DateTime<Utc>,
    aggregate_type: String,
    aggregate_id: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    actor: String,
    actor_name: Option<String>,
    actor_roles: Vec<String>,
    actor_client: Option<String>,
    actor_address: Option<String>,
    command: String,
    correlation: String,
    causation: Option<String>,
    reason: Option<String>,
    project: Option<String>,
    service: Option<String>,
    run_id: Option<Uuid>,
}

#[async_trait]
impl Projection for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn version(&self) -> i32 {
        2
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        VIEWS
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let planned: Vec<RunRow> = batch.iter().filter_map(planned).collect();
        let mut runs: BTreeMap<Uuid, RunRow> = planned.iter().map(|row| (row.run_id, row.clone())).collect();
        let of_runs = batch
            .iter()
            .filter(|event| event.aggregate_type == <Run as Decide>::TYPE);
        let mut unknown: Vec<Uuid> = of_runs
            .filter_map(|event| event.aggregate_id.parse().ok())
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|id| !runs.contains_key(id));
        let known = rows::read::<_, RunRow>(tx, LOAD_RUNS, &unknown).await?;
        runs.extend(known.into_iter().map(|row| (row.run_id, row)));
        let events: Vec<EventRow> = batch.iter().map(|event| row(event, &runs)).collect();
        rows::write(tx, RUNS, &planned).await?;
        rows::write(tx, EVENTS, &events).await
    }
}

/// The service that a run is for, from its first event; read loosely, so that the log never stops.
fn planned(event: &RecordedEvent) -> Option<RunRow> {
    if event.aggregate_type != <Run as Decide>::TYPE || event.event_type != "RunPlanned" {
        return None;
    }
    let payload: Value = serde_json::from_str(&event.payload).ok()?;
    let service = payload.get("RunPlanned")?.get("service")?;
    Some(RunRow {
        run_id: event.aggregate_id.parse().ok()?,
        project: service.get("project")?.as_str()?.to_owned(),
        service: service.get("service")?.as_str()?.to_owned(),
    })
}

/// The run that an event of a service or an environment names.
fn named_run(event: &RecordedEvent) -> Option<Uuid> {
    let payload: Value = serde_json::from_str(&event.payload).ok()?;
    let run = payload.get(&event.event_type)?.get("run")?;
    run.as_str()?.parse().ok()
}

fn row(event: &RecordedEvent, runs: &BTreeMap<Uuid, RunRow>) -> EventRow {
    let metadata = event.metadata().unwrap_or_default();
    let (mut project, mut service, mut run_id) = (None, None, None);
    match event.aggregate_type.as_str() {
        <Project as Decide>::TYPE => project = Some(event.aggregate_id.clone()),
        // A policy is an environment's, for all projects or for one: `PRD`, `payments/PRD`. So are subscriptions.
        <Policy as Decide>::TYPE | <Subscription as Decide>::TYPE => {
            project = event.aggregate_id.split_once('/').map(|(p, _)| p.to_owned())
        }
        <Service as Decide>::TYPE
        | <ServiceEnvironment as Decide>::TYPE
        | <Release as Decide>::TYPE
        | <Artifact as Decide>::TYPE => {
            let mut parts = event.aggregate_id.split('/');
            project = parts.next().map(str::to_owned);
            service = parts.next().map(str::to_owned);
            run_id = named_run(event);
        }
        <Run as Decide>::TYPE => {
            run_id = event.aggregate_id.parse().ok();
            let of = run_id.and_then(|id| runs.get(&id));
            project = of.map(|row| row.project.clone());
            service = of.map(|row| row.service.clone());
        }
        _ => {}
    }
    let (transaction_id, position) = halves(event);
    EventRow {
        transaction_id,
        position,
        recorded_at: event.recorded_at,
        aggregate_type: event.aggregate_type.clone(),
        aggregate_id: event.aggregate_id.clone(),
        sequence: bigint(event.sequence),
        event_type: event.event_type.clone(),
        event_version: event.event_version.clone(),
        actor: metadata.actor.subject,
        actor_name: metadata.actor.name,
        actor_roles: metadata.actor.roles,
        actor_client: metadata.actor.client,
        actor_address: metadata.actor.address,
        command: metadata.command,
        correlation: metadata.correlation,
        causation: metadata.causation,
        reason: metadata.reason,
        project,
        service,
        run_id,
    }
}
