//! The rows of the tables.

use chrono::{DateTime, Utc};
use opstella_domain::ComponentName;
use opstella_domain::promotion::EnvironmentKey;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::models::place;

/// A promotion that is not over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PromotionRow {
    pub promotion_id: Uuid,
    pub release: String,
    pub kind: String,
    pub started_at: Option<DateTime<Utc>>,
    /// Those that the release has an image of: nothing of the others comes along.
    pub components: Vec<ComponentName>,
}

impl PromotionRow {
    /// Whether it brings a release forward: going back to an earlier one is a remedy.
    pub fn forward(&self) -> bool {
        self.kind == "promote"
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EnvironmentRow {
    pub project: String,
    pub service: String,
    pub environment: String,
    pub promotion_id: Option<Uuid>,
    /// When what runs came here, forward or back; absent once it fell ill.
    pub brought_at: Option<DateTime<Utc>>,
    pub down_since: Option<DateTime<Utc>>,
    /// When the service was last gone: what was registered before never comes here any more.
    pub gone_transaction_id: Option<i64>,
    pub gone_position: Option<i64>,
}

impl EnvironmentRow {
    /// An environment where nothing has happened yet.
    pub fn new(key: &EnvironmentKey) -> Self {
        let (project, service) = place::halves(&key.service);
        Self {
            project,
            service,
            environment: key.environment.to_string(),
            promotion_id: None,
            brought_at: None,
            down_since: None,
            gone_transaction_id: None,
            gone_position: None,
        }
    }

    /// The place before which nothing comes here any more.
    pub fn gone(&self) -> Registered {
        self.gone_transaction_id.zip(self.gone_position).unwrap_or((0, 0))
    }
}

/// How far a component has come in an environment. Releases need not have images of all components: each goes its own way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReachedRow {
    pub project: String,
    pub service: String,
    pub environment: String,
    pub component: ComponentName,
    /// The furthest registration of a release that brought it here; of what was registered until then, nothing is news any
    /// more.
    pub transaction_id: i64,
    pub position: i64,
}

/// The place of a registration among all events: releases are in its order.
pub(super) type Registered = (i64, i64);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReleaseRow {
    pub project: String,
    pub service: String,
    pub version: String,
    pub registered_at: DateTime<Utc>,
    pub transaction_id: i64,
    pub position: i64,
}

/// A commit, and the first release that has it.
#[derive(Debug, Serialize)]
pub(super) struct ChangeRow {
    pub project: String,
    pub service: String,
    pub component: String,
    pub commit: String,
    pub version: String,
    pub committed_at: Option<DateTime<Utc>>,
    pub transaction_id: i64,
    pub position: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct DeploymentRow {
    pub promotion_id: Uuid,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub release: String,
    pub kind: String,
    pub outcome: &'static str,
    pub finished_at: DateTime<Utc>,
    pub transaction_id: i64,
    pub position: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct RecoveryRow {
    pub transaction_id: i64,
    pub position: i64,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub down_since: DateTime<Utc>,
    pub recovered_at: DateTime<Utc>,
}

/// What a deployment brings of a component that was not there before.
#[derive(Debug, Serialize)]
pub(super) struct ShipmentRow {
    pub promotion_id: Uuid,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub component: ComponentName,
    pub finished_at: DateTime<Utc>,
    pub transaction_id: i64,
    pub position: i64,
    /// Changes of the releases that were registered after this,
    pub after: Registered,
    /// up to this one.
    pub up_to: Registered,
}
