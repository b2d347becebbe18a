//! Who reads a list: only projects that they may know of are told.

use sqlx::{Postgres, QueryBuilder};

/// Whose eyes a list is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// Who may read everything, what concerns no project included.
    Everything,
    /// Who may read some projects.
    Some {
        /// The subject whose memberships count; none where they do not.
        member: Option<String>,
        /// Projects beyond those that the subject is a member of.
        projects: Vec<String>,
    },
}

impl Reader {
    /// Adds the condition that a row's project may be read. `members` is the located table of members.
    pub(super) fn narrow(&self, statement: &mut QueryBuilder<Postgres>, column: &str, members: &str) {
        let Self::Some { member, projects } = self else {
            return;
        };
        statement
            .push(format!(" AND ({column} = ANY("))
            .push_bind(projects.clone())
            .push(")");
        if let Some(member) = member {
            statement
                .push(format!(
                    " OR EXISTS (SELECT 1 FROM {members} m WHERE m.project = {column} AND m.subject = "
                ))
                .push_bind(member.clone())
                .push(")");
        }
        statement.push(")");
    }
}
