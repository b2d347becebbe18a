//! Who reads a list: only projects that they may know of are told.

use sqlx::{Postgres, QueryBuilder};

/// Who reads what those that answer for a project set up: where its notifications go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetupReader {
    /// Roles of members who do.
    pub roles: Vec<String>,
    /// Projects of which the reader does beyond that.
    pub projects: Vec<String>,
}

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
        /// What of them is for some of their readers only.
        setup: SetupReader,
    },
}

impl Reader {
    /// Adds the condition that a row's project may be read. `members` is the located table of members.
    pub(super) fn narrow(&self, statement: &mut QueryBuilder<Postgres>, column: &str, members: &str) {
        let Self::Some { member, projects, .. } = self else {
            return;
        };
        statement.push(" AND (");
        push_among(
            statement,
            column,
            projects,
            member.as_deref().map(|m| (m, members, None)),
        );
        statement.push(")");
    }

    /// Adds the condition that a row is not about what is set up, as `of_setup` says in SQL, or that its project's setup
    /// may be read.
    pub(super) fn narrow_setup(
        &self,
        statement: &mut QueryBuilder<Postgres>,
        (of_setup, column): (&str, &str),
        members: &str,
    ) {
        let Self::Some { member, setup, .. } = self else {
            return;
        };
        let member = member
            .as_deref()
            .map(|m| (m, members, Some(setup.roles.as_slice())));
        statement.push(format!(" AND (NOT ({of_setup}) OR "));
        push_among(statement, column, &setup.projects, member);
        statement.push(")");
    }
}

/// The condition that a project is one of these, or one that a subject is a member of, in one of the roles where they are
/// given. The member comes with the located table of members.
fn push_among(
    statement: &mut QueryBuilder<Postgres>,
    column: &str,
    projects: &[String],
    member: Option<(&str, &str, Option<&[String]>)>,
) {
    statement
        .push(format!("{column} = ANY("))
        .push_bind(projects.to_vec())
        .push(")");
    let Some((subject, members, roles)) = member else {
        return;
    };
    statement
        .push(format!(
            " OR EXISTS (SELECT 1 FROM {members} m WHERE m.project = {column} AND m.subject = "
        ))
        .push_bind(subject.to_owned());
    if let Some(roles) = roles {
        statement
            .push(" AND m.role = ANY(")
            .push_bind(roles.to_vec())
            .push(")");
    }
    statement.push(")");
}
