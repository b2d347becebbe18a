//! Subscriptions, and what became of their deliveries.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::page::Keys;
use super::{Page, PageRequest, Queries};
use crate::QueryError;

/// Who is told of which events.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Subscription {
    /// Whose; the platform's where absent.
    pub project: Option<String>,
    /// Its name there.
    pub name: String,
    /// Where the receiver is.
    pub url: String,
    /// Patterns of the events that it is told of.
    pub events: Vec<String>,
    /// Whether it is told of anything.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<String>,
    /// How many deliveries wait.
    pub waiting: i64,
    /// How many were given up.
    pub dead: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When something last happened to it.
    pub updated_at: DateTime<Utc>,
    /// Version of the aggregate, for `If-Match`.
    pub version: i64,
}

/// One event on its way to one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Delivery {
    /// The event's place in the order of all events: the `id` of the CloudEvent, and `webhook-id`.
    pub id: String,
    /// The type of the CloudEvent.
    #[schema(examples("opstella.Environment.PromotionCompleted"))]
    pub event_type: String,
    /// What it happened to.
    pub subject: String,
    /// waiting, delivered, or dead (given up).
    pub state: String,
    /// Attempts so far.
    pub attempts: i32,
    /// Status of the last answer, where there was one.
    pub last_status: Option<i32>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When the last attempt ended.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// Not tried again before; of one that waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was delivered or given up.
    pub ended_at: Option<DateTime<Utc>>,
}

const SUBSCRIPTION: &str = "SELECT s.project, s.name, s.url, s.events, s.enabled, s.disabled_reason, s.created_at, \
    s.updated_at, s.version, \
    (SELECT count(*) FROM notification_deliveries d WHERE d.subscription = s.id AND d.state = 'waiting') AS waiting, \
    (SELECT count(*) FROM notification_deliveries d WHERE d.subscription = s.id AND d.state = 'dead') AS dead, ";

const DELIVERY: &str = "SELECT d.transaction_id || '-' || d.position AS id, d.event_type, d.subject, d.state, \
    d.attempts, d.last_status, d.last_error, d.queued_at, d.last_attempt_at, \
    CASE WHEN d.state = 'waiting' THEN d.next_attempt_at END AS next_attempt_at, d.ended_at, ";

const BY_NAME: Keys = Keys {
    columns: &["s.name"],
    kind: "text",
    descending: false,
};
const NEWEST_FIRST: Keys = Keys {
    columns: &["d.transaction_id", "d.position"],
    kind: "bigint",
    descending: true,
};

impl Queries {
    /// The subscriptions of a project, or the platform's, by name.
    pub async fn subscriptions(
        &self,
        project: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Subscription>, QueryError> {
        let mut statement = self.statement(SUBSCRIPTION);
        statement
            .push(BY_NAME.select())
            .push(self.located(" FROM read.subscriptions s WHERE s.project IS NOT DISTINCT FROM "));
        statement.push_bind(project.map(str::to_owned));
        self.page(statement, BY_NAME, page).await
    }

    /// One subscription, by the text of its key.
    pub async fn subscription(&self, key: &str) -> Result<Option<Subscription>, QueryError> {
        let mut statement = self.statement(SUBSCRIPTION);
        statement
            .push(BY_NAME.select())
            .push(self.located(" FROM read.subscriptions s WHERE s.id = "));
        statement.push_bind(key);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }

    /// The deliveries of a subscription, those of the newest events first; only those in a state where one is given.
    pub async fn deliveries(
        &self,
        key: &str,
        state: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, QueryError> {
        let mut statement = self.statement(DELIVERY);
        statement
            .push(NEWEST_FIRST.select())
            .push(" FROM notification_deliveries d WHERE d.subscription = ");
        statement.push_bind(key.to_owned());
        if let Some(state) = state {
            statement.push(" AND d.state = ").push_bind(state.to_owned());
        }
        self.page(statement, NEWEST_FIRST, page).await
    }
}
