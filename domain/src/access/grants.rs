//! What a caller brings along: the roles that a token gives, parsed once.

use std::collections::BTreeMap;

use super::role::{ProjectRole, Role, Roles};
use crate::ProjectSlug;

/// Most projects that one token is read for: what is beyond is passed over.
const MOST_PROJECTS: usize = 200;

/// Who holds the grants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Holder {
    /// Nobody: may do nothing.
    #[default]
    Nobody,
    /// A person who signed in.
    Person,
    /// A machine: what it is a member of does not count, and it does nothing that takes a person.
    Machine,
    /// A part of Opstella, or somebody at the command line: may do everything.
    Internal,
}

/// The roles of a caller that do not depend on who the members of a project are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    holder: Holder,
    global: Roles,
    projects: BTreeMap<ProjectSlug, Roles>,
}

impl Grants {
    /// The grants of Opstella's own parts, and of who has the database's password.
    pub fn internal() -> Self {
        Self {
            holder: Holder::Internal,
            ..Self::default()
        }
    }

    /// Reads realm roles and groups of a token; `machine` says that a client asked for itself, without a person.
    ///
    /// Realm roles: `platform-admin`, `security`, `auditor`. Groups, with or without a slash in front:
    /// `opstella/<global role>`, `opstella/<project>/<role>`, `project:<project>:<role>`, and for machines
    /// `project:<project>:ci` (or `opstella/<project>/ci`). All else is passed over: it is not about Opstella.
    /// A machine with a `ci` group has that role alone; without one, it has what its roles and groups say.
    pub fn of_token<'a>(
        roles: impl IntoIterator<Item = &'a str>,
        groups: impl IntoIterator<Item = &'a str>,
        machine: bool,
    ) -> Self {
        let mut global: Roles = roles.into_iter().filter_map(Role::global).collect();
        let mut projects: BTreeMap<ProjectSlug, Roles> = BTreeMap::new();
        for group in groups {
            match Group::read(group) {
                Some(Group::Global(role)) => global = global.and(Roles::of(&[role])),
                Some(Group::Project(slug, role))
                    if projects.contains_key(&slug) || projects.len() < MOST_PROJECTS =>
                {
                    let held = projects.entry(slug).or_default();
                    *held = held.and(Roles::of(&[role]));
                }
                Some(Group::Project(..)) | None => {}
            }
        }
        let ci = Roles::of(&[Role::Ci]);
        if machine && projects.values().any(|held| held.has(Role::Ci)) {
            projects.retain(|_, held| held.has(Role::Ci));
            projects.values_mut().for_each(|held| *held = ci);
            return Self {
                holder: Holder::Machine,
                global: Roles::NONE,
                projects,
            };
        }
        // The role is a machine's: a person in that group has nothing of it.
        projects
            .values_mut()
            .for_each(|held| *held = held.without(Role::Ci));
        projects.retain(|_, held| !held.is_empty());
        Self {
            holder: if machine { Holder::Machine } else { Holder::Person },
            global,
            projects,
        }
    }

    /// Whether everything is allowed: it is no caller from outside.
    pub fn is_internal(&self) -> bool {
        self.holder == Holder::Internal
    }

    /// Whether it is a machine: a client that asked for itself, without a person.
    pub fn is_machine(&self) -> bool {
        self.holder == Holder::Machine
    }

    /// Whether memberships count beside the token.
    pub fn counts_membership(&self) -> bool {
        self.holder == Holder::Person
    }

    /// The roles that are held everywhere.
    pub fn everywhere(&self) -> Roles {
        if self.holder == Holder::Person && !self.global.has(Role::Auditor) {
            self.global.and(Roles::of(&[Role::Person]))
        } else {
            self.global
        }
    }

    /// The roles that the token gives in a project, those that are held everywhere included.
    pub fn in_project(&self, project: &ProjectSlug) -> Roles {
        let held = self.projects.get(project).copied().unwrap_or_default();
        self.everywhere().and(held)
    }

    /// The projects that the token gives a role in.
    pub fn projects(&self) -> impl Iterator<Item = &ProjectSlug> {
        self.projects.keys()
    }

    /// As texts, for the metadata of events: `platform-admin`, `payments:owner`.
    pub fn texts(&self) -> Vec<String> {
        let global = self.global.iter().map(|role| role.to_string());
        let projects = self.projects.iter();
        global
            .chain(projects.flat_map(|(slug, held)| held.iter().map(move |role| format!("{slug}:{role}"))))
            .collect()
    }
}

enum Group {
    Global(Role),
    Project(ProjectSlug, Role),
}

impl Group {
    fn read(group: &str) -> Option<Self> {
        let group = group.strip_prefix('/').unwrap_or(group);
        if let Some(rest) = group.strip_prefix("project:") {
            let (slug, role) = rest.split_once(':')?;
            return Self::project(slug, role);
        }
        let rest = group.strip_prefix("opstella/")?;
        match rest.split_once('/') {
            None => Role::global(rest).map(Self::Global),
            Some((slug, role)) => Self::project(slug, role),
        }
    }

    fn project(slug: &str, role: &str) -> Option<Self> {
        let role = match role {
            "ci" => Role::Ci,
            role => role.parse::<ProjectRole>().ok()?.into(),
        };
        Some(Self::Project(slug.parse().ok()?, role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(text: &str) -> ProjectSlug {
        text.parse().unwrap()
    }

    #[test]
    fn roles_and_groups_are_read() {
        let groups = [
            "/opstella/auditor",
            "/opstella/payments/tester",
            "project:payments:owner",
            "/project:ledger:viewer",
        ];
        let grants = Grants::of_token(["security", "offline_access", "owner"], groups, false);
        assert_eq!(grants.everywhere(), Roles::of(&[Role::Security, Role::Auditor]));
        let payments = [Role::Security, Role::Auditor, Role::Owner, Role::Tester];
        assert_eq!(grants.in_project(&slug("payments")), Roles::of(&payments));
        assert_eq!(grants.in_project(&slug("other")), grants.everywhere());
        let texts = [
            "security",
            "auditor",
            "ledger:viewer",
            "payments:owner",
            "payments:tester",
        ];
        assert_eq!(grants.texts(), texts);
    }

    #[test]
    fn what_is_not_about_opstella_gives_nothing() {
        let groups = [
            "/security",
            "/payments/owners",
            "opstella/owner",
            "opstella/Payments/owner",
            "project:payments:platform-admin",
            "project:payments",
            "project::owner",
            "x/project:payments:owner",
            "opstella/payments/owner/x",
            "",
            "/",
        ];
        let grants = Grants::of_token(["developer", "Security"], groups, false);
        assert_eq!(grants, Grants::of_token([], [], false));
        assert_eq!(grants.everywhere(), Roles::of(&[Role::Person]));
    }

    #[test]
    fn a_machine_of_a_project_is_nothing_else() {
        let groups = [
            "project:payments:ci",
            "project:ledger:owner",
            "/opstella/security",
        ];
        let grants = Grants::of_token(["platform-admin"], groups, true);
        assert_eq!(grants.everywhere(), Roles::NONE);
        assert_eq!(grants.in_project(&slug("payments")), Roles::of(&[Role::Ci]));
        assert_eq!(grants.in_project(&slug("ledger")), Roles::NONE);
        assert!(!grants.counts_membership());
        // A person in a machine's group has nothing of it.
        let person = Grants::of_token([], ["project:payments:ci"], false);
        assert_eq!(person.in_project(&slug("payments")), Roles::of(&[Role::Person]));
        assert_eq!(person.projects().count(), 0);
    }

    #[test]
    fn a_machine_is_never_a_person() {
        // Without such a group it is what its roles and groups say, and nothing beyond.
        let admin = Grants::of_token(["platform-admin"], ["project:payments:developer"], true);
        assert_eq!(admin.everywhere(), Roles::of(&[Role::PlatformAdmin]));
        let held = Roles::of(&[Role::PlatformAdmin, Role::Developer]);
        assert_eq!(admin.in_project(&slug("payments")), held);
        assert!(
            !admin.counts_membership(),
            "nobody can tell by a member's `sub` that it is a machine"
        );
        assert_eq!(Grants::of_token([], [], true).everywhere(), Roles::NONE);
        for machine in [admin, Grants::of_token([], ["project:payments:ci"], true)] {
            assert!(machine.is_machine());
        }
        for other in [
            Grants::of_token([], [], false),
            Grants::internal(),
            Grants::default(),
        ] {
            assert!(!other.is_machine());
        }
    }

    #[test]
    fn nobody_may_do_nothing() {
        assert_eq!(Grants::default().everywhere(), Roles::NONE);
        assert!(!Grants::default().counts_membership());
        assert!(!Grants::default().is_internal());
    }
}
