//! The services of the catalog: loads those that a batch concerns, folds the events in, writes them back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::ServiceKey;
use opstella_domain::service::{Change, ServiceEvent};
use opstella_journal::RecordedEvent;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::record::{ServiceRecord, What};
use crate::ApplyError;
use crate::decode::integer;
use crate::models::place::order;
use crate::models::rows::{self, slug};

const LOAD: &str = "
SELECT s.state FROM services s JOIN jsonb_to_recordset($1) AS k(project text, service text)
    ON s.project = k.project AND s.name = k.service";

const SERVICES: &str = "
INSERT INTO services
SELECT * FROM jsonb_to_recordset($1) AS r(project text, name text, lifecycle text, owner text, adopt boolean,
    run_id uuid, last_run_id uuid, change_kind text, change_name text, cause text, left_behind boolean,
    requested_at timestamptz, updated_at timestamptz, version bigint, state jsonb)
ON CONFLICT (project, name) DO UPDATE SET lifecycle = excluded.lifecycle, owner = excluded.owner,
    adopt = excluded.adopt, run_id = excluded.run_id, last_run_id = excluded.last_run_id,
    change_kind = excluded.change_kind, change_name = excluded.change_name, cause = excluded.cause,
    left_behind = excluded.left_behind, requested_at = excluded.requested_at, updated_at = excluded.updated_at,
    version = excluded.version, state = excluded.state";

const CLEAR_COMPONENTS: &str = "
DELETE FROM service_components c USING jsonb_to_recordset($1) AS k(project text, service text)
WHERE c.project = k.project AND c.service = k.service";

const CLEAR_ENVIRONMENTS: &str = "
DELETE FROM service_environments e USING jsonb_to_recordset($1) AS k(project text, service text)
WHERE e.project = k.project AND e.service = k.service";

const COMPONENTS: &str = "
INSERT INTO service_components
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, name text, ordinal integer, template text,
                                          template_version text, state text, since timestamptz)";

const ENVIRONMENTS: &str = "
INSERT INTO service_environments
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, environment text, ordinal integer, state text,
                                          since timestamptz)";

#[derive(Serialize)]
struct ServiceRow<'a> {
    project: String,
    name: String,
    lifecycle: &'static str,
    owner: String,
    adopt: bool,
    run_id: Option<Uuid>,
    last_run_id: Uuid,
    change_kind: Option<&'static str>,
    change_name: Option<String>,
    cause: Option<&'a str>,
    left_behind: bool,
    requested_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
    state: &'a ServiceRecord,
}

#[derive(Serialize)]
struct ComponentRow {
    project: String,
    service: String,
    name: String,
    ordinal: i32,
    template: String,
    template_version: String,
    state: &'static str,
    since: DateTime<Utc>,
}

#[derive(Serialize)]
struct EnvironmentRow {
    project: String,
    service: String,
    environment: String,
    ordinal: i32,
    state: &'static str,
    since: DateTime<Utc>,
}

pub(super) async fn apply(
    tx: &mut PgConnection,
    events: Vec<(&RecordedEvent, ServiceEvent)>,
) -> Result<(), ApplyError> {
    let refused = |event: &RecordedEvent, reason: String| ApplyError::Refused {
        position: event.position,
        reason,
    };
    let mut keyed = Vec::with_capacity(events.len());
    for (recorded, event) in events {
        let key: ServiceKey = recorded
            .aggregate_id
            .parse()
            .map_err(|error| refused(recorded, format!("{error}")))?;
        keyed.push((key, recorded, event));
    }
    let keys: BTreeSet<&ServiceKey> = keyed.iter().map(|(key, ..)| key).collect();
    let keys: Vec<ServiceKey> = keys.into_iter().cloned().collect();
    let loaded: Vec<ServiceRecord> = rows::read(tx, LOAD, &keys).await?;
    let mut records: BTreeMap<ServiceKey, ServiceRecord> = loaded
        .into_iter()
        .map(|record| (record.key.clone(), record))
        .collect();
    for (key, recorded, event) in keyed {
        if let ServiceEvent::ServiceRequested { run, .. } = &event {
            let before = records.remove(&key).map(|record| record.service);
            let record = ServiceRecord::new(key.clone(), *run, recorded, before);
            records.insert(key.clone(), record);
        }
        let Some(record) = records.get_mut(&key) else {
            return Err(refused(recorded, format!("there is no service {key}")));
        };
        record.evolve(recorded, event);
    }
    write(tx, &keys, records.values()).await
}

async fn write(
    tx: &mut PgConnection,
    keys: &[ServiceKey],
    records: impl Iterator<Item = &ServiceRecord>,
) -> Result<(), ApplyError> {
    let (mut services, mut components, mut environments) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        services.push(service(record));
        for (ordinal, part) in record.parts().iter().enumerate() {
            let (project, service) = (record.key.project.to_string(), record.key.service.to_string());
            let since = record
                .since
                .get(&part.tag())
                .map_or(record.updated_at, |(_, since)| *since);
            let state = part.state;
            match part.what {
                What::Component(component) => components.push(ComponentRow {
                    project,
                    service,
                    name: component.name.to_string(),
                    ordinal: integer(ordinal),
                    template: component.template.name.to_string(),
                    template_version: slug(&component.template.version)?,
                    state,
                    since,
                }),
                What::Environment(environment) => environments.push(EnvironmentRow {
                    project,
                    service,
                    environment: environment.to_string(),
                    ordinal: order(environment),
                    state,
                    since,
                }),
            }
        }
    }
    rows::write(tx, SERVICES, &services).await?;
    rows::write(tx, CLEAR_COMPONENTS, keys).await?;
    rows::write(tx, CLEAR_ENVIRONMENTS, keys).await?;
    rows::write(tx, COMPONENTS, &components).await?;
    rows::write(tx, ENVIRONMENTS, &environments).await
}

fn service(record: &ServiceRecord) -> ServiceRow<'_> {
    let service = &record.service;
    let (change_kind, change_name) = match &service.change {
        Some(Change::Component(component)) => (Some("component"), Some(component.name.to_string())),
        Some(Change::Environment(environment)) => (Some("environment"), Some(environment.to_string())),
        None => (None, None),
    };
    ServiceRow {
        project: record.key.project.to_string(),
        name: record.key.service.to_string(),
        lifecycle: service.lifecycle.into(),
        owner: service
            .owner
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        adopt: service.adopt,
        run_id: service.run.map(|run| run.0),
        last_run_id: record.last_run.0,
        change_kind,
        change_name,
        cause: record.cause.as_deref(),
        left_behind: record.left_behind,
        requested_at: record.requested_at,
        updated_at: record.updated_at,
        version: record.version,
        state: record,
    }
}
