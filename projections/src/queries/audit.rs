//! The audit log.

use chrono::{DateTime, Utc};
use opstella_journal::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Keys;
use super::{Page, PageRequest, Queries, Reader};
use crate::QueryError;

/// An event on record.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct AuditEvent {
    /// Its place in the order of all events.
    pub position: String,
    /// When PostgreSQL took it.
    pub recorded_at: DateTime<Utc>,
    /// What kind of thing it happened to.
    pub aggregate_type: String,
    /// Which of them.
    pub aggregate_id: String,
    /// Number in that thing's history.
    pub sequence: i64,
    /// What happened.
    pub event_type: String,
    /// The version of the payload's form.
    pub event_version: String,
    /// Subject of who caused it, or the part of Opstella that did.
    pub actor: String,
    /// The name that people know.
    pub actor_name: Option<String>,
    /// The roles held at that moment.
    pub actor_roles: Vec<String>,
    /// The client that acted for the subject.
    pub actor_client: Option<String>,
    /// The network address of the request.
    pub actor_address: Option<String>,
    /// The command that led to it.
    pub command: String,
    /// Shared by everything that one request led to.
    pub correlation: String,
    /// What led to it directly.
    pub causation: Option<String>,
    /// Why, in the words of who did it.
    pub reason: Option<String>,
    /// The project that it concerns.
    pub project: Option<String>,
    /// The service that it concerns.
    pub service: Option<String>,
    /// The run that it belongs to.
    pub run: Option<Uuid>,
}

/// An event on record, with what it says.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct AuditEventDetail {
    /// The event.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub event: AuditEvent,
    /// What it says, as stored.
    #[schema(value_type = Object)]
    pub payload: Value,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AuditFilter {
    /// Of this type of aggregate.
    pub aggregate_type: Option<String>,
    /// Of this aggregate.
    pub aggregate_id: Option<String>,
    /// That concern this project.
    pub project: Option<String>,
    /// That concern this service of the project.
    pub service: Option<String>,
    /// Caused by this subject.
    pub actor: Option<String>,
    /// Of this type.
    pub event_type: Option<String>,
    /// By this command.
    pub command: Option<String>,
    /// Of this request.
    pub correlation: Option<String>,
    /// Of this run.
    pub run: Option<Uuid>,
    /// Recorded at or after.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before.
    pub to: Option<DateTime<Utc>>,
    /// The oldest first, instead of the newest.
    #[serde(default)]
    pub oldest_first: bool,
}

const EVENT: &str = "SELECT a.transaction_id || '-' || a.position AS position, a.recorded_at, a.aggregate_type, \
    a.aggregate_id, a.sequence, a.event_type, a.event_version, a.actor, a.actor_name, a.actor_roles, a.actor_client, \
    a.actor_address, a.command, a.correlation, a.causation, a.reason, a.project, a.service, a.run_id AS run, ";

const NEWEST_FIRST: Keys = Keys {
    columns: &["a.transaction_id", "a.position"],
    kind: "bigint",
    descending: true,
};

impl Queries {
    /// The events that this reader may know of, the newest first unless the filter says otherwise.
    pub async fn audit_events(
        &self,
        filter: &AuditFilter,
        reader: &Reader,
        page: &PageRequest,
    ) -> Result<Page<AuditEvent>, QueryError> {
        let keys = Keys {
            descending: !filter.oldest_first,
            ..NEWEST_FIRST
        };
        let mut statement = self.statement(EVENT);
        statement
            .push(keys.select())
            .push(self.located(" FROM read.audit_events a WHERE true"));
        self.narrow(&mut statement, "a.project", reader);
        self.narrow_setup(
            &mut statement,
            ("a.aggregate_type = 'Subscription'", "a.project"),
            reader,
        );
        let texts = [
            ("a.aggregate_type", &filter.aggregate_type),
            ("a.aggregate_id", &filter.aggregate_id),
            ("a.project", &filter.project),
            ("a.service", &filter.service),
            ("a.actor", &filter.actor),
            ("a.event_type", &filter.event_type),
            ("a.command", &filter.command),
            ("a.correlation", &filter.correlation),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                statement
                    .push(format!(" AND {column} = "))
                    .push_bind(value.clone());
            }
        }
        if let Some(run) = filter.run {
            statement.push(" AND a.run_id = ").push_bind(run);
        }
        if let Some(from) = filter.from {
            statement.push(" AND a.recorded_at >= ").push_bind(from);
        }
        if let Some(to) = filter.to {
            statement.push(" AND a.recorded_at < ").push_bind(to);
        }
        self.page(statement, keys, page).await
    }

    /// One event, with what it says.
    pub async fn audit_event(&self, position: Position) -> Result<Option<AuditEventDetail>, QueryError> {
        let mut statement = self.statement(EVENT);
        statement
            .push("e.payload FROM ")
            .push(self.located("read.audit_events a"));
        statement.push(
            " JOIN events e ON e.aggregate_type = a.aggregate_type AND e.aggregate_id = a.aggregate_id \
             AND e.sequence = a.sequence WHERE a.transaction_id = ",
        );
        statement.push_bind(position.transaction_id.cast_signed());
        statement.push(" AND a.position = ").push_bind(position.position);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }
}
