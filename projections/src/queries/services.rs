//! Services with their components, environments and resources.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Keys;
use super::resources::Resource;
use super::{Page, PageRequest, Queries};
use crate::QueryError;

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Service {
    /// Its project.
    pub project: String,
    /// Its name there.
    pub name: String,
    /// `provisioning`, `active`, `provisioning-failed`, `decommissioning` or `decommissioned`.
    pub lifecycle: String,
    /// Who answers for it.
    pub owner: String,
    /// Whether its creator allowed adoption of resources that were there before.
    pub adopt: bool,
    /// The run in flight.
    pub run: Option<Uuid>,
    /// The newest run: the one in flight, or the last.
    pub last_run: Uuid,
    /// What is being added to an active service.
    #[sqlx(json(nullable))]
    pub change: Option<ServiceChange>,
    /// Why the last change did not come about.
    pub cause: Option<String>,
    /// Whether a failed provisioning left something in a tool, as an operator decided.
    pub left_behind: bool,
    /// What it is made of.
    #[sqlx(json)]
    pub components: Vec<ServiceComponent>,
    /// Where it is, in the order of promotion.
    #[sqlx(json)]
    pub environments: Vec<ServiceEnvironment>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Version of the aggregate, for `If-Match`.
    pub version: i64,
}

/// What is being added to an active service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceChange {
    /// `component` or `environment`.
    pub kind: String,
    /// Which.
    pub name: String,
}

/// A component of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceComponent {
    /// Its name within the service.
    pub name: String,
    /// The template that it is made from.
    pub template: String,
    /// At which version.
    pub template_version: String,
    /// `requested` (being made), `present` or `removed`.
    pub state: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// An environment of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceEnvironment {
    /// `DEV`, `SIT`, `UAT`, `PRE` or `PRD`.
    pub environment: String,
    /// `requested` (being made), `present` or `removed`.
    pub state: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A service and what it has in the tools.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct ServiceDetail {
    /// The service.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub service: Service,
    /// What it has in the tools now, by tool, kind and name.
    #[sqlx(json)]
    pub resources: Vec<Resource>,
}

/// Which services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ServiceFilter {
    /// Of this project.
    pub project: Option<String>,
    /// Where this is the lifecycle.
    pub lifecycle: Option<String>,
}

const SERVICE: &str = "SELECT s.project, s.name, s.lifecycle, s.owner, s.adopt, s.run_id AS run, \
    s.last_run_id AS last_run, s.cause, s.left_behind, s.requested_at, s.updated_at, s.version, \
    CASE WHEN s.change_kind IS NOT NULL \
         THEN jsonb_build_object('kind', s.change_kind, 'name', s.change_name) END AS change, \
    coalesce((SELECT jsonb_agg(to_jsonb(c) ORDER BY c.ordinal) FROM read.service_components c \
              WHERE c.project = s.project AND c.service = s.name), '[]') AS components, \
    coalesce((SELECT jsonb_agg(to_jsonb(e) ORDER BY e.ordinal) FROM read.service_environments e \
              WHERE e.project = s.project AND e.service = s.name), '[]') AS environments, ";

const RESOURCES: &str = "coalesce((SELECT jsonb_agg(to_jsonb(x) ORDER BY x.tool, x.kind, x.name) \
    FROM (SELECT r.*, r.run_id AS run FROM read.external_resources r) x \
    WHERE x.project = s.project AND x.service = s.name AND x.removed_at IS NULL), '[]') AS resources";

const BY_KEY: Keys = Keys {
    columns: &["s.project", "s.name"],
    kind: "text",
    descending: false,
};

impl Queries {
    /// Services, by project and name.
    pub async fn services(
        &self,
        filter: &ServiceFilter,
        page: &PageRequest,
    ) -> Result<Page<Service>, QueryError> {
        let mut statement = self.statement(SERVICE);
        statement
            .push(BY_KEY.select())
            .push(self.located(" FROM read.services s WHERE true"));
        if let Some(project) = &filter.project {
            statement.push(" AND s.project = ").push_bind(project.clone());
        }
        if let Some(lifecycle) = &filter.lifecycle {
            statement.push(" AND s.lifecycle = ").push_bind(lifecycle.clone());
        }
        self.page(statement, BY_KEY, page).await
    }

    /// One service, with what it has in the tools.
    pub async fn service(&self, project: &str, name: &str) -> Result<Option<ServiceDetail>, QueryError> {
        let mut statement = self.statement(SERVICE);
        statement.push(self.located(RESOURCES));
        statement
            .push(self.located(" FROM read.services s WHERE s.project = "))
            .push_bind(project);
        statement.push(" AND s.name = ").push_bind(name);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }
}
