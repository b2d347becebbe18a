//! The matrix: what runs in each environment of each service.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Keys;
use super::{Page, PageRequest, Queries, Reader};
use crate::QueryError;

/// A row of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct MatrixService {
    /// The service's project.
    pub project: String,
    /// The service.
    pub service: String,
    /// Its environments, in the order of promotion.
    #[sqlx(json)]
    pub environments: Vec<MatrixEnvironment>,
}

/// One environment of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatrixEnvironment {
    /// `DEV`, `SIT`, `UAT`, `PRE` or `PRD`.
    pub environment: String,
    /// What runs there; nothing where absent.
    pub release: Option<String>,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// The promotion that brought it.
    pub promotion: Option<Uuid>,
    /// The image of each component, as promotions brought them.
    pub images: BTreeMap<String, String>,
    /// `healthy` or `degraded`.
    pub health: Option<String>,
    /// What runs there that no promotion brought.
    pub drift: Option<EnvironmentDrift>,
    /// The promotion in flight.
    pub in_flight: Option<InFlight>,
    /// How many promotions wait for it.
    pub waiting: i32,
    /// Version of the aggregate, for `If-Match`; 0 before anything happened.
    pub version: i64,
}

/// What runs somewhere that no promotion brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentDrift {
    /// What runs, in Argo CD's words, of the components that differ.
    pub found: BTreeMap<String, String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A promotion in flight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InFlight {
    /// The promotion.
    pub promotion: Uuid,
    /// Which release it carries.
    pub release: String,
    /// `blocked`, `waiting` or `deploying`.
    pub state: String,
}

const SERVICE: &str = "SELECT s.project, s.service, coalesce((SELECT jsonb_agg(jsonb_build_object( \
        'environment', e.environment, 'release', e.release, 'since', e.since, 'promotion', e.promotion_id, \
        'images', e.images, 'health', e.health, \
        'drift', CASE WHEN e.drift IS NOT NULL THEN \
            jsonb_build_object('found', e.drift, 'since', e.drift_since) END, \
        'in_flight', CASE WHEN e.in_flight_id IS NOT NULL THEN \
            jsonb_build_object('promotion', e.in_flight_id, 'release', e.in_flight_release, \
                               'state', e.in_flight_state) END, \
        'waiting', e.waiting, 'version', e.sequence) ORDER BY e.ordinal) \
    FROM read.environments e WHERE e.project = s.project AND e.service = s.service AND e.present), '[]') \
        AS environments, ";

/// Services that have an environment; PostgreSQL walks the key's index as far as the page goes.
const SERVICES: &str =
    " FROM (SELECT DISTINCT e.project, e.service FROM read.environments e WHERE e.present) s WHERE true";

const BY_SERVICE: Keys = Keys {
    columns: &["s.project", "s.service"],
    kind: "text",
    descending: false,
};

impl Queries {
    /// What runs where: services by project and name, of one project or of all that this reader may know of.
    pub async fn matrix(
        &self,
        project: Option<&str>,
        reader: &Reader,
        page: &PageRequest,
    ) -> Result<Page<MatrixService>, QueryError> {
        let mut statement = self.statement(SERVICE);
        statement.push(BY_SERVICE.select()).push(self.located(SERVICES));
        self.narrow(&mut statement, "s.project", reader);
        if let Some(project) = project {
            statement.push(" AND s.project = ").push_bind(project.to_owned());
        }
        self.page(statement, BY_SERVICE, page).await
    }

    /// The matrix' row of one service.
    pub async fn matrix_service(
        &self,
        project: &str,
        service: &str,
    ) -> Result<Option<MatrixService>, QueryError> {
        let mut statement = self.statement(SERVICE);
        statement
            .push(BY_SERVICE.select())
            .push(self.located(SERVICES))
            .push(" AND s.project = ")
            .push_bind(project);
        statement.push(" AND s.service = ").push_bind(service);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }
}
