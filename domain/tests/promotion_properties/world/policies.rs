//! Policies, and who has which role in the project.

use opstella_domain::access::ProjectRole;
use opstella_domain::policy::{ApproverRole, PolicyCommand, PolicyEvent, PolicyKey, PolicyRules};
use opstella_domain::project::{ProjectCommand, ProjectEvent};
use opstella_domain::{DomainError, Environment};

use super::{World, person};
use crate::support::key;

/// The role in which a member approves, if the role lets them.
pub(super) fn approves_as(role: ProjectRole) -> Option<ApproverRole> {
    match role {
        ProjectRole::Owner => Some(ApproverRole::Owner),
        ProjectRole::Tester => Some(ApproverRole::Tester),
        ProjectRole::Approver => Some(ApproverRole::Approver),
        ProjectRole::Developer | ProjectRole::Viewer => None,
    }
}

impl World {
    pub(super) fn set_policy(
        &mut self,
        environment: Environment,
        project: bool,
        tighten: bool,
        rules: Box<PolicyRules>,
    ) -> Result<(), DomainError> {
        let policy = self.places.get_mut(&environment).unwrap();
        let base = policy.platform.state.rules_for(environment);
        let stream = match project {
            true => &mut policy.project,
            false => &mut policy.platform,
        };
        let version = stream.state.version;
        let command = PolicyCommand::Set {
            key: PolicyKey {
                project: project.then(|| key().project),
                environment,
            },
            rules: match project && tighten {
                // What two policies ask for together, nobody sets as one.
                true => Box::new(PolicyRules {
                    also_scanned: [].into(),
                    ..base.strictest(&rules)
                }),
                false => rules,
            },
            base: project.then(|| Box::new(base)),
        };
        for PolicyEvent::PolicySet { version: next, .. } in stream.take(&mut self.tally, command)? {
            assert_eq!(next, version + 1);
        }
        Ok(())
    }

    pub(super) fn create_project(&mut self) -> Result<(), DomainError> {
        self.project(ProjectCommand::Create {
            slug: key().project,
            name: "Payments".into(),
            description: None,
            owner: person(0),
        })
    }

    pub(super) fn grant(&mut self, member: usize, role: ProjectRole) -> Result<(), DomainError> {
        self.project(ProjectCommand::GrantRole {
            slug: key().project,
            member: person(member),
            role,
        })
    }

    pub(super) fn revoke_role(&mut self, member: usize, role: ProjectRole) -> Result<(), DomainError> {
        self.project(ProjectCommand::RevokeRole {
            slug: key().project,
            member: person(member),
            role,
        })
    }

    fn project(&mut self, command: ProjectCommand) -> Result<(), DomainError> {
        for event in self.project.take(&mut self.tally, command)? {
            let (member, role, held) = match event {
                ProjectEvent::ProjectCreated { owner, .. } => (owner, ProjectRole::Owner, true),
                ProjectEvent::RoleGranted { member, role } => (member, role, true),
                ProjectEvent::RoleRevoked { member, role } => (member, role, false),
            };
            let roles = self.members.entry(member).or_default();
            match (approves_as(role), held) {
                (Some(role), true) => _ = roles.insert(role),
                (Some(role), false) => _ = roles.remove(&role),
                (None, _) => {}
            }
        }
        let owner = |roles: &std::collections::BTreeSet<_>| roles.contains(&ApproverRole::Owner);
        assert!(self.members.values().any(owner), "a project without an owner");
        Ok(())
    }
}
