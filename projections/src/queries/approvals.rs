//! Approvals that wait for somebody.

use opstella_domain::policy::is_name;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::promotions::{NEWEST_FIRST, PROMOTION};
use super::{Page, PageRequest, Promotion, Queries};
use crate::QueryError;

/// Roles in which somebody may approve, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproverScope {
    /// In this project; in all where absent.
    pub project: Option<String>,
    /// `tester`, `approver`, `owner`, `security`.
    pub roles: Vec<String>,
}

/// Whose approvals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingFilter {
    /// The subject: not what they asked for themselves, nor what they have approved, nor what they wrote where
    /// approvers have to be independent.
    pub subject: String,
    /// The name that CI may know them by. Who has none may not approve where approvers have to be independent of authors
    /// that are known by names.
    pub name: Option<String>,
    /// What they may approve; nothing for machines.
    pub scopes: Vec<ApproverScope>,
}

impl Queries {
    /// Promotions that wait for an approval which this person may give, the one asked for last first.
    pub async fn approvals_waiting(
        &self,
        filter: &WaitingFilter,
        page: &PageRequest,
    ) -> Result<Page<Promotion>, QueryError> {
        // As the domain compares them: whatever the case.
        let known_as = filter.name.iter().chain([&filter.subject]);
        let known_as: Vec<String> = known_as.map(|name| name.to_lowercase()).collect();
        let mut statement = self.statement(PROMOTION);
        statement.push(NEWEST_FIRST.select()).push(self.located(
            " FROM read.promotions p WHERE p.wanted_roles <> '{}' AND p.state IN ('waiting', 'blocked') \
             AND EXISTS (SELECT FROM jsonb_to_recordset(",
        ));
        statement.push_bind(Json(filter.scopes.clone()));
        statement.push(
            ") AS s(project text, roles text[]) \
             WHERE (s.project IS NULL OR s.project = p.project) AND s.roles && p.wanted_roles) AND p.requester <> ",
        );
        statement.push_bind(filter.subject.clone());
        statement
            .push(" AND NOT EXISTS (SELECT FROM jsonb_array_elements(p.approvals) AS a WHERE a->>'by' = ");
        statement
            .push_bind(filter.subject.clone())
            .push(
                ") AND NOT (p.independent_approvers AND EXISTS \
                 (SELECT FROM unnest(p.authors) AS author WHERE lower(author) = ANY(",
            )
            .push_bind(known_as)
            .push(")))");
        if !is_name(filter.name.as_deref()) {
            statement.push(" AND (p.authors_by_id OR NOT p.independent_approvers)");
        }
        self.page(statement, NEWEST_FIRST, page).await
    }
}
