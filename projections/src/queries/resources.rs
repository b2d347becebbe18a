//! External resources.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Keys;
use super::{Page, PageRequest, Queries, Reader};
use crate::QueryError;

/// A thing in a tool that belongs to a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct Resource {
    /// The service's project.
    pub project: String,
    /// The service.
    pub service: String,
    /// Where it is.
    pub tool: String,
    /// What it is, in the tool's words.
    pub kind: String,
    /// Its name or id there.
    pub name: String,
    /// Where people look at it.
    pub url: Option<String>,
    /// `created`, `existing` (ours before) or `adopted`, by the run below.
    pub provenance: String,
    /// The run that last vouched for it.
    pub run: Uuid,
    /// The step of that run.
    pub step: String,
    /// Since when the service has it.
    pub since: DateTime<Utc>,
    /// When a run last found it there.
    pub confirmed_at: DateTime<Utc>,
    /// Whether an operator gave up removing it.
    pub left_behind: bool,
    /// When it was removed or released.
    pub removed_at: Option<DateTime<Utc>>,
    /// `deleted`, or `released`: no longer the service's, perhaps still there.
    pub removal: Option<String>,
}

/// Which resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ResourceFilter {
    /// Of this project.
    pub project: Option<String>,
    /// Of this service.
    pub service: Option<String>,
    /// In this tool.
    pub tool: Option<String>,
    /// Last vouched for by this run.
    pub run: Option<Uuid>,
    /// Also those that are gone.
    #[serde(default)]
    pub removed: bool,
}

const RESOURCE: &str = "SELECT r.project, r.service, r.tool, r.kind, r.name, r.url, r.provenance, r.run_id AS run, \
    r.step, r.since, r.confirmed_at, r.left_behind, r.removed_at, r.removal, ";

const BY_PLACE: Keys = Keys {
    columns: &["r.project", "r.service", "r.tool", "r.kind", "r.name"],
    kind: "text",
    descending: false,
};

impl Queries {
    /// The external resources that this reader may know of, by service, tool, kind and name.
    pub async fn resources(
        &self,
        filter: &ResourceFilter,
        reader: &Reader,
        page: &PageRequest,
    ) -> Result<Page<Resource>, QueryError> {
        let mut statement = self.statement(RESOURCE);
        statement
            .push(BY_PLACE.select())
            .push(self.located(" FROM read.external_resources r WHERE true"));
        self.narrow(&mut statement, "r.project", reader);
        if !filter.removed {
            statement.push(" AND r.removed_at IS NULL");
        }
        let texts = [
            ("r.project", &filter.project),
            ("r.service", &filter.service),
            ("r.tool", &filter.tool),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                statement
                    .push(format!(" AND {column} = "))
                    .push_bind(value.clone());
            }
        }
        if let Some(run) = filter.run {
            statement.push(" AND r.run_id = ").push_bind(run);
        }
        self.page(statement, BY_PLACE, page).await
    }
}
