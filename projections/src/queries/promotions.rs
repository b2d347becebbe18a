//! Promotions: the board, one of them, and an environment's history.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Keys;
use super::{Page, PageRequest, Queries, Reader};
use crate::QueryError;

/// A promotion: one release on its way into one environment of a service.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Promotion {
    /// Its id.
    pub id: Uuid,
    /// The service's project.
    pub project: String,
    /// The service.
    pub service: String,
    /// Into which environment.
    pub environment: String,
    /// `promote`, or `rollback` to a release that was there before.
    pub kind: String,
    /// Which release.
    pub release: String,
    /// Who asked.
    pub requester: String,
    /// Who wrote what is in the release.
    pub authors: Vec<String>,
    /// The change that it belongs to.
    pub change_reference: Option<String>,
    /// `queued`, `blocked`, `waiting`, `deploying`, `completed`, `rejected`, `cancelled`, `failed` or `rolled-back`.
    pub state: String,
    /// The gates that are not open, as they were last looked at; none of one that is over.
    #[sqlx(json)]
    pub closed_gates: Vec<Gate>,
    /// The approvals that count.
    #[sqlx(json)]
    pub approvals: Vec<PromotionApproval>,
    /// How many approvals were voided, because what they rested on had changed.
    pub approvals_voided: i32,
    /// In which roles somebody may give an approval that is missing.
    pub wanted_roles: Vec<String>,
    /// A freeze that is to be broken for it, or is.
    #[sqlx(json(nullable))]
    pub freeze_override: Option<FreezeOverride>,
    /// The run that carries the release.
    pub run: Option<Uuid>,
    /// Why it failed, was rolled back, rejected or cancelled.
    pub cause: Option<String>,
    /// Whether an operator gave up on undoing some of it.
    pub left_behind: bool,
    /// The release that runs again, of one that was rolled back.
    pub back_to: Option<String>,
    /// Who rejected or cancelled it.
    pub ended_by: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When its deployment started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// When something last happened to it.
    pub updated_at: DateTime<Utc>,
}

/// A gate, as it was last looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    /// Which.
    pub gate: String,
    /// `passed`, `waived`, `waiting` (it opens by itself, or when people act) or `failed`.
    pub verdict: String,
    /// Why, in words.
    pub reason: String,
    /// What would open it, in words; absent where it is open.
    pub remedy: Option<String>,
    /// When it opens by itself, where it does.
    pub opens_at: Option<DateTime<Utc>>,
    /// Digests of the reports that it looked at.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// Somebody's yes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PromotionApproval {
    /// Whose.
    pub by: String,
    /// In which roles.
    pub roles: Vec<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// In whose own words, if there are any.
    pub comment: Option<String>,
}

/// Freezes that are to be broken, or are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FreezeOverride {
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Which freezes: those that held when it was asked for, until they end.
    pub freezes: Vec<Frozen>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// Who confirmed it; nobody yet where absent.
    pub confirmed_by: Option<String>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// A freeze that held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Frozen {
    /// Its name.
    pub name: String,
    /// When it ends.
    pub until: DateTime<Utc>,
}

/// A promotion with its images and all its gates.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct PromotionDetail {
    /// The promotion.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub promotion: Promotion,
    /// The release's images by component.
    #[sqlx(json)]
    pub images: BTreeMap<String, String>,
    /// Every gate, as last looked at; none before the first look.
    #[sqlx(json)]
    pub gates: Vec<Gate>,
    /// Where the run that carries the release stands; `stuck` where it waits for an operator.
    pub run_status: Option<String>,
    /// The step that it is stuck on.
    pub stuck_on: Option<String>,
    /// When the gates were last found changed.
    pub evaluated_at: Option<DateTime<Utc>>,
    /// Version of the platform's policy by which they were looked at; 0 for the rules that come along.
    pub policy_platform: i64,
    /// Version of the project's policy; 0 for none.
    pub policy_project: i64,
    /// Version of the environment's aggregate, for `If-Match`.
    pub version: i64,
}

/// Which promotions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PromotionFilter {
    /// Of this project.
    pub project: Option<String>,
    /// Of this service.
    pub service: Option<String>,
    /// Into this environment.
    pub environment: Option<String>,
    /// Of this release.
    pub release: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Only those that are not over.
    #[serde(default)]
    pub open: bool,
}

pub(super) const PROMOTION: &str = "SELECT p.id, p.project, p.service, p.environment, p.kind, p.release, p.requester, \
    p.authors, p.change_reference, p.state, \
    CASE WHEN p.finished_at IS NULL THEN jsonb_path_query_array(p.gates, \
         '$[*] ? (@.verdict == \"failed\" || @.verdict == \"waiting\")') ELSE '[]' END AS closed_gates, \
    p.approvals, p.approvals_voided, p.wanted_roles, p.freeze_override, p.run_id AS run, p.cause, p.left_behind, \
    p.back_to, p.ended_by, p.requested_at, p.started_at, p.finished_at, p.updated_at, ";

const PARTS: &str = "p.images, p.gates, \
    (SELECT r.status FROM read.runs r WHERE r.id = p.run_id) AS run_status, \
    (SELECT r.stuck_on FROM read.runs r WHERE r.id = p.run_id) AS stuck_on, p.evaluated_at, p.policy_platform, p.policy_project, \
    coalesce((SELECT e.sequence FROM read.environments e WHERE e.project = p.project AND e.service = p.service \
              AND e.environment = p.environment), 0) AS version";

pub(super) const NEWEST_FIRST: Keys = Keys {
    columns: &["p.transaction_id", "p.position"],
    kind: "bigint",
    descending: true,
};

const LAST_ENDED_FIRST: Keys = Keys {
    columns: &["p.end_transaction_id", "p.end_position"],
    kind: "bigint",
    descending: true,
};

impl Queries {
    /// Promotions of projects that this reader may know of, the one asked for last first.
    pub async fn promotions(
        &self,
        filter: &PromotionFilter,
        reader: &Reader,
        page: &PageRequest,
    ) -> Result<Page<Promotion>, QueryError> {
        let mut statement = self.statement(PROMOTION);
        statement
            .push(NEWEST_FIRST.select())
            .push(self.located(" FROM read.promotions p WHERE true"));
        self.narrow(&mut statement, "p.project", reader);
        let texts = [
            ("p.project", &filter.project),
            ("p.service", &filter.service),
            ("p.environment", &filter.environment),
            ("p.release", &filter.release),
            ("p.state", &filter.state),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                statement
                    .push(format!(" AND {column} = "))
                    .push_bind(value.clone());
            }
        }
        if filter.open {
            statement.push(" AND p.finished_at IS NULL");
        }
        self.page(statement, NEWEST_FIRST, page).await
    }

    /// One promotion, with its images and gates.
    pub async fn promotion(&self, id: Uuid) -> Result<Option<PromotionDetail>, QueryError> {
        let mut statement = self.statement(PROMOTION);
        statement.push(self.located(PARTS));
        statement
            .push(self.located(" FROM read.promotions p WHERE p.id = "))
            .push_bind(id);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }

    /// What came, or was to come, into one environment: promotions that are over, the one that ended last first.
    pub async fn environment_history(
        &self,
        project: &str,
        service: &str,
        environment: &str,
        page: &PageRequest,
    ) -> Result<Page<Promotion>, QueryError> {
        let mut statement = self.statement(PROMOTION);
        statement
            .push(LAST_ENDED_FIRST.select())
            .push(self.located(" FROM read.promotions p WHERE p.finished_at IS NOT NULL AND p.project = "))
            .push_bind(project.to_owned());
        statement.push(" AND p.service = ").push_bind(service.to_owned());
        statement
            .push(" AND p.environment = ")
            .push_bind(environment.to_owned());
        self.page(statement, LAST_ENDED_FIRST, page).await
    }
}
