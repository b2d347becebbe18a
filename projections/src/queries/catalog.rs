//! Projects, templates, connected tools.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AssertSqlSafe, FromRow};
use utoipa::ToSchema;

use super::page::Keys;
use super::{Page, PageRequest, Queries, Reader};
use crate::QueryError;

/// A team's space.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Project {
    /// Its slug.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// How many services it has, decommissioned ones not counted.
    pub services: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Version of the aggregate, for `If-Match`.
    pub version: i64,
}

/// A golden path that components are made from.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// The highest version.
    pub latest: String,
    /// That version's description.
    pub description: String,
    /// Every version, the highest first.
    #[sqlx(json)]
    pub versions: Vec<TemplateVersionInfo>,
    /// Version of the aggregate, for `If-Match`.
    pub version: i64,
}

/// One immutable version of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateVersionInfo {
    /// Three numbers, as in 1.0.0.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// SHA-256 of the files.
    pub digest: String,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
}

/// A connected tool.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct ToolConnectionInfo {
    /// Which tool.
    pub tool: String,
    /// Which of them.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Name of the configured credential; never the credential itself.
    pub credential: String,
    /// What else it was told.
    #[schema(value_type = Object)]
    pub settings: Value,
    /// When it was first connected.
    pub connected_at: DateTime<Utc>,
    /// When the connection last changed.
    pub updated_at: DateTime<Utc>,
    /// Version of the aggregate, for `If-Match`.
    pub version: i64,
}

const PROJECT: &str = "SELECT p.slug, p.name, p.description, p.owner, p.created_at, p.version, \
    (SELECT count(*) FROM read.services s WHERE s.project = p.slug AND s.lifecycle <> 'decommissioned') AS services, ";

const TEMPLATE: &str = "SELECT t.name, t.latest, t.description, t.versions, t.version, ";
const TEMPLATES: &str = " FROM (SELECT v.name, (array_agg(v.version ORDER BY v.number DESC))[1] AS latest, \
    (array_agg(v.description ORDER BY v.number DESC))[1] AS description, max(v.sequence) AS version, \
    jsonb_agg(jsonb_build_object('version', v.version, 'description', v.description, 'digest', v.digest, \
        'registered_at', v.registered_at) ORDER BY v.number DESC) AS versions \
    FROM read.template_versions v GROUP BY v.name) t WHERE true";

const CONNECTION: &str =
    "SELECT c.tool, c.name, c.url, c.credential, c.settings, c.connected_at, c.updated_at, c.version, ";

const BY_SLUG: Keys = Keys {
    columns: &["p.slug"],
    kind: "text",
    descending: false,
};
const BY_NAME: Keys = Keys {
    columns: &["t.name"],
    kind: "text",
    descending: false,
};
const BY_TOOL: Keys = Keys {
    columns: &["c.tool", "c.name"],
    kind: "text",
    descending: false,
};

impl Queries {
    /// The projects that this reader may know of, by slug.
    pub async fn projects(&self, reader: &Reader, page: &PageRequest) -> Result<Page<Project>, QueryError> {
        let mut statement = self.statement(PROJECT);
        statement
            .push(BY_SLUG.select())
            .push(self.located(" FROM read.projects p WHERE true"));
        self.narrow(&mut statement, "p.slug", reader);
        self.page(statement, BY_SLUG, page).await
    }

    /// One project.
    pub async fn project(&self, slug: &str) -> Result<Option<Project>, QueryError> {
        let mut statement = self.statement(PROJECT);
        statement
            .push(BY_SLUG.select())
            .push(self.located(" FROM read.projects p WHERE p.slug = "));
        statement.push_bind(slug);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }

    /// Templates, by name.
    pub async fn templates(&self, page: &PageRequest) -> Result<Page<Template>, QueryError> {
        let mut statement = self.statement(TEMPLATE);
        statement.push(BY_NAME.select()).push(self.located(TEMPLATES));
        self.page(statement, BY_NAME, page).await
    }

    /// One template.
    pub async fn template(&self, name: &str) -> Result<Option<Template>, QueryError> {
        let mut statement = self.statement(TEMPLATE);
        statement.push(BY_NAME.select()).push(self.located(TEMPLATES));
        statement.push(" AND t.name = ").push_bind(name);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }

    /// Connections, by tool and name.
    pub async fn connections(&self, page: &PageRequest) -> Result<Page<ToolConnectionInfo>, QueryError> {
        let mut statement = self.statement(CONNECTION);
        statement
            .push(BY_TOOL.select())
            .push(self.located(" FROM read.tool_connections c WHERE true"));
        self.page(statement, BY_TOOL, page).await
    }

    /// One connection.
    pub async fn connection(&self, tool: &str, name: &str) -> Result<Option<ToolConnectionInfo>, QueryError> {
        let sql = self.located(
            "SELECT tool, name, url, credential, settings, connected_at, updated_at, version \
             FROM read.tool_connections WHERE tool = $1 AND name = $2",
        );
        let found = sqlx::query_as(AssertSqlSafe(sql)).bind(tool).bind(name);
        Ok(found.fetch_optional(&self.pool).await?)
    }
}
