//! In which roles people approve.

use std::collections::BTreeSet;

use opstella_domain::ProjectSlug;
use opstella_domain::access::{Role, Roles};
use opstella_domain::policy::ApproverRole;
use opstella_domain::project::Project;
use opstella_domain::promotion::{Members, Promotion};

use crate::{CommandError, Commands};

/// The roles among these in which somebody approves.
pub(super) fn approver_roles(held: Roles) -> BTreeSet<ApproverRole> {
    let roles = [
        (Role::Tester, ApproverRole::Tester),
        (Role::Approver, ApproverRole::Approver),
        (Role::Owner, ApproverRole::Owner),
        (Role::Security, ApproverRole::Security),
    ];
    let held = roles.into_iter().filter(|(role, _)| held.has(*role));
    held.map(|(_, role)| role).collect()
}

impl Commands {
    /// In which roles those who approved a promotion are members of the project now. What their tokens gave them is in
    /// their approvals: whether the issuer took it back since, nobody tells us.
    pub(super) async fn members_among_approvers(
        &self,
        project: &ProjectSlug,
        promotion: &Promotion,
    ) -> Result<Members, CommandError> {
        if promotion.approvals.is_empty() {
            return Ok(Members::new());
        }
        let project = self.load::<Project>(project.as_str()).await?;
        let roles = |by: &str| approver_roles(project.state.roles_of(by));
        let approvals = promotion.approvals.iter();
        Ok(approvals.map(|a| (a.by.clone(), roles(a.by.as_str()))).collect())
    }
}
