//! The catalog: projects, services with components and environments, templates, connected tools.

mod dashboard;
mod projects;
mod record;
mod services;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use opstella_domain::Decide;
use opstella_domain::project::{Project, ProjectEvent};
use opstella_domain::service::{Service, ServiceEvent};
use opstella_domain::template::{Template, TemplateEvent};
use opstella_domain::tool_connection::{ToolConnection, ToolConnectionEvent, ToolSettings};
use opstella_journal::RecordedEvent;
use serde::Serialize;
use sqlx::PgConnection;

use super::rows;
use crate::decode::{bigint, decode};
use crate::{ApplyError, DashboardView, Projection};

/// What there is.
#[derive(Debug, Clone, Copy)]
pub struct Catalog;

const TEMPLATES: &str = "
INSERT INTO template_versions
SELECT * FROM jsonb_to_recordset($1) AS r(name text, version text, number bigint[], description text, digest text,
                                          registered_at timestamptz, sequence bigint)";

const CONNECTIONS: &str = "
INSERT INTO tool_connections
SELECT * FROM jsonb_to_recordset($1) AS r(tool text, name text, url text, credential text, settings jsonb,
                                          connected_at timestamptz, updated_at timestamptz, version bigint)
ON CONFLICT (tool, name) DO UPDATE SET url = excluded.url, credential = excluded.credential,
    settings = excluded.settings, updated_at = excluded.updated_at, version = excluded.version";

#[derive(Serialize)]
struct TemplateRow {
    name: String,
    version: String,
    number: Vec<i64>,
    description: String,
    digest: String,
    registered_at: DateTime<Utc>,
    sequence: i64,
}

#[derive(Serialize)]
struct ConnectionRow {
    tool: &'static str,
    name: String,
    url: String,
    credential: String,
    settings: ToolSettings,
    connected_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

#[async_trait]
impl Projection for Catalog {
    fn name(&self) -> &'static str {
        "catalog"
    }

    fn version(&self) -> i32 {
        4
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        dashboard::VIEWS
    }

    fn aggregates(&self) -> Option<&'static [&'static str]> {
        Some(&[
            <Project as Decide>::TYPE,
            <Service as Decide>::TYPE,
            <Template as Decide>::TYPE,
            <ToolConnection as Decide>::TYPE,
        ])
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let mut projects: Vec<(&RecordedEvent, ProjectEvent)> = Vec::new();
        let mut templates = Vec::new();
        let mut connections: BTreeMap<String, ConnectionRow> = BTreeMap::new();
        let mut services: Vec<(&RecordedEvent, ServiceEvent)> = Vec::new();
        for event in batch {
            match event.aggregate_type.as_str() {
                <Project as Decide>::TYPE => projects.push((event, decode(event)?)),
                <Service as Decide>::TYPE => services.push((event, decode(event)?)),
                <Template as Decide>::TYPE => templates.push(template(event)?),
                <ToolConnection as Decide>::TYPE => {
                    let mut row = connection(event)?;
                    if let Some(earlier) = connections.get(&event.aggregate_id) {
                        row.connected_at = earlier.connected_at;
                    }
                    connections.insert(event.aggregate_id.clone(), row);
                }
                _ => {}
            }
        }
        let connections: Vec<_> = connections.into_values().collect();
        projects::apply(tx, projects).await?;
        rows::write(tx, TEMPLATES, &templates).await?;
        rows::write(tx, CONNECTIONS, &connections).await?;
        services::apply(tx, services).await
    }
}

fn template(event: &RecordedEvent) -> Result<TemplateRow, ApplyError> {
    let TemplateEvent::TemplateVersionRegistered {
        template,
        description,
        digest,
        ..
    } = decode(event)?;
    let version = template.version.to_string();
    Ok(TemplateRow {
        name: template.name.to_string(),
        number: version.split('.').filter_map(|part| part.parse().ok()).collect(),
        version,
        description,
        digest,
        registered_at: event.recorded_at,
        sequence: bigint(event.sequence),
    })
}

fn connection(event: &RecordedEvent) -> Result<ConnectionRow, ApplyError> {
    let ToolConnectionEvent::ToolConnected { key, connection } = decode(event)?;
    Ok(ConnectionRow {
        tool: key.tool.slug(),
        name: key.name.to_string(),
        url: connection.url.as_str().to_owned(),
        credential: connection.credential.to_string(),
        settings: connection.settings,
        connected_at: event.recorded_at,
        updated_at: event.recorded_at,
        version: bigint(event.sequence),
    })
}
