//! Projects and their members, given-when-then; and that there is always an owner, whatever is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use cqrs_es::test::TestFramework;
use opstella_domain::access::{ProjectRole, Role, Roles};
use opstella_domain::project::{MOST_MEMBERS, Project, ProjectCommand, ProjectEvent};
use opstella_domain::{Decide, DomainError};
use proptest::prelude::*;

fn create(name: &str) -> ProjectCommand {
    ProjectCommand::Create {
        slug: "payments".parse().unwrap(),
        name: name.into(),
        description: None,
        owner: "alice".parse().unwrap(),
    }
}

fn created() -> ProjectEvent {
    ProjectEvent::ProjectCreated {
        slug: "payments".parse().unwrap(),
        name: "Payments".into(),
        description: None,
        owner: "alice".parse().unwrap(),
    }
}

fn grant(member: &str, role: ProjectRole) -> ProjectCommand {
    ProjectCommand::GrantRole {
        slug: "payments".parse().unwrap(),
        member: member.parse().unwrap(),
        role,
    }
}

fn revoke(member: &str, role: ProjectRole) -> ProjectCommand {
    ProjectCommand::RevokeRole {
        slug: "payments".parse().unwrap(),
        member: member.parse().unwrap(),
        role,
    }
}

fn granted(member: &str, role: ProjectRole) -> ProjectEvent {
    ProjectEvent::RoleGranted {
        member: member.parse().unwrap(),
        role,
    }
}

fn revoked(member: &str, role: ProjectRole) -> ProjectEvent {
    ProjectEvent::RoleRevoked {
        member: member.parse().unwrap(),
        role,
    }
}

fn given(events: Vec<ProjectEvent>) -> cqrs_es::test::AggregateTestExecutor<Project> {
    TestFramework::<Project>::with(()).given(events)
}

#[test]
fn a_project_is_created_once() {
    TestFramework::<Project>::with(())
        .given_no_previous_events()
        .when(create("Payments"))
        .then_expect_events(vec![created()]);
    given(vec![created()])
        .when(create("Payments"))
        .then_expect_error(DomainError::AlreadyExists {
            kind: "project",
            id: "payments".into(),
        });
}

#[test]
fn names_are_for_people() {
    for wrong in ["", "  ", "a\nb", &"x".repeat(101)] {
        assert!(Project::default().decide(create(wrong)).is_err());
    }
}

#[test]
fn roles_are_granted_once_and_revoked() {
    use ProjectRole::{Developer, Owner, Tester};
    given(vec![created()])
        .when(grant("bob", Tester))
        .then_expect_events(vec![granted("bob", Tester)]);
    given(vec![created(), granted("bob", Tester)])
        .when(grant("bob", Tester))
        .then_expect_events(vec![]);
    given(vec![created()])
        .when(grant("alice", Owner))
        .then_expect_events(vec![]);
    given(vec![created(), granted("bob", Tester)])
        .when(revoke("bob", Tester))
        .then_expect_events(vec![revoked("bob", Tester)]);
    given(vec![created(), granted("bob", Tester)])
        .when(revoke("bob", Developer))
        .then_expect_error(DomainError::NotFound {
            kind: "member",
            id: "payments/bob (developer)".into(),
        });
}

#[test]
fn the_last_owner_cannot_leave() {
    use ProjectRole::Owner;
    let alone = || DomainError::WrongState {
        kind: "project",
        id: "payments".into(),
        state: "owned by alice alone".into(),
        command: "RevokeRole",
        accepts: vec!["GrantRole"],
    };
    given(vec![created()])
        .when(revoke("alice", Owner))
        .then_expect_error(alone());
    given(vec![created(), granted("bob", Owner)])
        .when(revoke("alice", Owner))
        .then_expect_events(vec![revoked("alice", Owner)]);
    given(vec![created(), granted("bob", Owner), revoked("bob", Owner)])
        .when(revoke("alice", Owner))
        .then_expect_error(alone());
}

#[test]
fn a_project_that_is_not_there_has_no_members() {
    for command in [
        grant("bob", ProjectRole::Viewer),
        revoke("bob", ProjectRole::Viewer),
    ] {
        TestFramework::<Project>::with(())
            .given_no_previous_events()
            .when(command)
            .then_expect_error(DomainError::NotFound {
                kind: "project",
                id: "payments".into(),
            });
    }
}

#[test]
fn members_are_not_without_number() {
    let mut project = Project::default();
    project.evolve(created());
    for index in 1..MOST_MEMBERS {
        project.evolve(granted(&format!("m{index}"), ProjectRole::Viewer));
    }
    assert!(project.decide(grant("one-more", ProjectRole::Viewer)).is_err());
    assert!(project.decide(grant("m1", ProjectRole::Tester)).is_ok());
}

#[test]
fn the_roles_of_a_member_are_told() {
    let mut project = Project::default();
    for event in [
        created(),
        granted("alice", ProjectRole::Developer),
        granted("bob", ProjectRole::Viewer),
    ] {
        project.evolve(event);
    }
    assert_eq!(
        project.roles_of("alice"),
        Roles::of(&[Role::Owner, Role::Developer])
    );
    assert_eq!(project.roles_of("bob"), Roles::of(&[Role::Viewer]));
    assert_eq!(project.roles_of("carol"), Roles::NONE);
}

fn role() -> impl Strategy<Value = ProjectRole> {
    proptest::sample::select(ProjectRole::all().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn there_is_always_an_owner_and_nobody_without_a_role(
        asked in proptest::collection::vec((any::<bool>(), 0..4_usize, role()), 0..60)
    ) {
        let people = ["alice", "bob", "carol", "dave"];
        let mut project = Project::default();
        project.evolve(created());
        for (give, who, role) in asked {
            let command = if give { grant(people[who], role) } else { revoke(people[who], role) };
            let before = project.roles_of(people[who]);
            match project.decide(command) {
                Ok(events) => events.into_iter().for_each(|event| project.evolve(event)),
                Err(DomainError::NotFound { .. }) => prop_assert!(!before.has(role.into())),
                Err(_) => prop_assert_eq!(role, ProjectRole::Owner),
            }
            let owners = people.iter().filter(|p| project.roles_of(p).has(Role::Owner)).count();
            prop_assert!(owners >= 1);
            prop_assert!(project.members.values().all(|held| !held.is_empty()));
            if give {
                prop_assert!(project.roles_of(people[who]).has(role.into()));
            }
        }
    }
}
