//! Members of projects.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::page::Keys;
use super::{Page, PageRequest, Queries};
use crate::QueryError;

/// A member of a project.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Member {
    /// Who: the `sub` of their tokens.
    pub subject: String,
    /// What they are, by name.
    #[sqlx(json)]
    pub roles: Vec<MemberRole>,
    /// When they got the oldest of these roles.
    pub since: DateTime<Utc>,
}

/// A role of a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberRole {
    /// `owner`, `developer`, `tester`, `approver` or `viewer`.
    pub role: String,
    /// When it was granted.
    pub granted_at: DateTime<Utc>,
    /// Who granted it: a subject.
    pub granted_by: String,
}

const MEMBER: &str = "SELECT m.subject, m.roles, m.since, ";
const MEMBERS: &str = " FROM (SELECT r.project, r.subject, min(r.granted_at) AS since, \
    jsonb_agg(jsonb_build_object('role', r.role, 'granted_at', r.granted_at, 'granted_by', r.granted_by) \
        ORDER BY r.role) AS roles \
    FROM read.project_members r GROUP BY r.project, r.subject) m WHERE m.project = ";

const BY_SUBJECT: Keys = Keys {
    columns: &["m.subject"],
    kind: "text",
    descending: false,
};

impl Queries {
    /// The projects that somebody is a member of, with their roles there.
    pub async fn memberships(&self, subject: &str) -> Result<Vec<(String, Vec<String>)>, QueryError> {
        let sql = self.located(
            "SELECT m.project, array_agg(m.role) FROM read.project_members m WHERE m.subject = $1 GROUP BY m.project",
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(subject)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }

    /// The members of a project, by subject.
    pub async fn members(&self, project: &str, page: &PageRequest) -> Result<Page<Member>, QueryError> {
        let mut statement = self.statement(MEMBER);
        statement
            .push(BY_SUBJECT.select())
            .push(self.located(MEMBERS))
            .push_bind(project.to_owned());
        self.page(statement, BY_SUBJECT, page).await
    }
}
