//! Callers against the table of permissions, on real journals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use opstella_commands::{
    CommandContext, CommandError, CommandOptions, Commands, CreateProject, CreateProjects, DenialLog,
    MemberRole, RoleAuthoriser,
};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::access::log::Access;
use opstella_domain::access::{Grants, ProjectRole, Role, Roles, Scope, table};
use opstella_domain::{DomainError, ProjectSlug};
use opstella_journal::{Actor, Journal, JournalOptions, migrate};
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::CancellationToken;

async fn journal(database: &TestDatabase) -> Journal {
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .connect(&database.url)
        .await
        .unwrap();
    migrate(&pool).await.unwrap();
    Journal::open(pool, JournalOptions::default()).await.unwrap()
}

fn commands(journal: &Journal, create_project: CreateProjects) -> Commands {
    let options = CommandOptions {
        public_url: "https://opstella.example".into(),
        deploy_wait_minutes: 15,
        connection: "main".parse().unwrap(),
    };
    Commands::new(
        journal.clone(),
        Arc::new(RoleAuthoriser { create_project }),
        options,
    )
}

fn slug(text: &str) -> ProjectSlug {
    text.parse().unwrap()
}

fn caller(subject: &str, grants: Grants) -> CommandContext {
    CommandContext {
        actor: Actor::new(subject),
        grants: Arc::new(grants),
        correlation: "c-1".into(),
        ..CommandContext::default()
    }
}

fn person(subject: &str) -> CommandContext {
    caller(subject, Grants::of_token([], [], false))
}

async fn create(commands: &Commands, context: &CommandContext, project: &str, owner: &str) {
    let request = CreateProject {
        slug: slug(project),
        name: "x".into(),
        description: None,
        owner: owner.parse().unwrap(),
    };
    commands.create_project(context, request).await.unwrap();
}

fn role(project: &str, member: &str, role: ProjectRole) -> MemberRole {
    MemberRole {
        project: slug(project),
        member: member.parse().unwrap(),
        role,
    }
}

/// What the answer was.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    Allowed,
    Forbidden,
    Hidden,
}

async fn ask(
    commands: &Commands,
    who: &CommandContext,
    operation: &'static str,
    project: Option<&ProjectSlug>,
) -> Way {
    match commands.permit(who, operation, project).await {
        Ok(()) => Way::Allowed,
        Err(CommandError::Forbidden { .. }) => Way::Forbidden,
        Err(CommandError::Domain(error)) => match *error {
            DomainError::NotFound { kind: "project", .. } => Way::Hidden,
            error => panic!("{error}"),
        },
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_lets_in_its_roles_and_no_other() {
    let database = test_database().await.unwrap();
    let commands = commands(&journal(&database).await, CreateProjects::Anyone);
    let internal = CommandContext::system("test", "c-0");
    create(&commands, &internal, "payments", "alice").await;
    let mut people = vec![
        ("nobody", caller("nobody", Grants::default()), Roles::NONE),
        (
            "elsewhere",
            caller("e", Grants::of_token([], ["project:other:owner"], false)),
            Roles::of(&[Role::Person]),
        ),
    ];
    for held in Role::all() {
        let group = format!("project:payments:{held}");
        let grants = match held {
            Role::Person => Grants::of_token([], [], false),
            Role::Ci => Grants::of_token([], [group.as_str()], true),
            held if held.is_global() => Grants::of_token([held.slug()], [], false),
            _ => Grants::of_token([], [group.as_str()], false),
        };
        let mut roles = Roles::of(&[held]);
        if !matches!(held, Role::Auditor | Role::Ci) {
            roles = roles.and(Roles::of(&[Role::Person]));
        }
        people.push((held.slug(), caller(held.slug(), grants), roles));
    }
    for held in ProjectRole::all() {
        let member = format!("member-{held}");
        let request = role("payments", &member, held);
        commands.grant_role(&internal, request).await.unwrap();
        let roles = Roles::of(&[held.into(), Role::Person]);
        people.push((held.slug(), person(&member), roles));
    }
    let groups = ["project:payments:owner", "project:payments:tester"];
    let robot = caller(
        "robot",
        Grants::of_token(["security", "platform-admin"], groups, true),
    );
    let held = [Role::Security, Role::PlatformAdmin, Role::Owner, Role::Tester];
    people.push(("robot", robot, Roles::of(&held)));
    let payments = slug("payments");
    for rule in table::TABLE {
        for (name, who, held) in &people {
            for project in [Some(&payments), None] {
                let needed = rule.needed(project.is_some());
                let meant = match (rule.scope, project) {
                    (Scope::Open, _) | (Scope::Each, None) => Way::Allowed,
                    _ if *name == "robot" && table::takes_a_person(rule.operation) => Way::Forbidden,
                    _ if held.meets(needed) => Way::Allowed,
                    (_, Some(_)) if !table::reads(*held) => Way::Hidden,
                    _ => Way::Forbidden,
                };
                // What is asked of a project's operation without one is nobody's but a global role's.
                let by_project = project.is_none() && rule.scope == Scope::Project;
                let way = ask(&commands, who, rule.operation, project).await;
                if by_project && !held.iter().any(Role::is_global) {
                    assert_eq!(way, Way::Forbidden, "{} as {name} in none", rule.operation);
                } else {
                    assert_eq!(way, meant, "{} as {name} in {project:?}", rule.operation);
                }
            }
        }
        assert_eq!(
            ask(&commands, &internal, rule.operation, Some(&payments)).await,
            Way::Allowed
        );
    }
    let admin = caller("root", Grants::of_token(["platform-admin"], [], false));
    assert_eq!(ask(&commands, &admin, "Nonsense", None).await, Way::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_another_process_granted_counts() {
    let database = test_database().await.unwrap();
    let (here, there) = (journal(&database).await, journal(&database).await);
    let (here, there) = (
        commands(&here, CreateProjects::Anyone),
        commands(&there, CreateProjects::Anyone),
    );
    let (alice, bob) = (person("alice"), person("bob"));
    create(&here, &alice, "payments", "alice").await;
    let payments = slug("payments");
    // The other process has the project in its cache, without the member.
    assert_eq!(
        ask(&there, &alice, "GetProject", Some(&payments)).await,
        Way::Allowed
    );
    assert_eq!(
        ask(&there, &bob, "GetProject", Some(&payments)).await,
        Way::Hidden
    );
    here.grant_role(&alice, role("payments", "bob", ProjectRole::Tester))
        .await
        .unwrap();
    assert_eq!(
        ask(&there, &bob, "GetProject", Some(&payments)).await,
        Way::Allowed
    );
    assert_eq!(
        ask(&there, &bob, "GrantRole", Some(&payments)).await,
        Way::Forbidden
    );
    let refused = there
        .grant_role(&bob, role("payments", "bob", ProjectRole::Owner))
        .await;
    assert!(matches!(
        refused,
        Err(CommandError::Forbidden {
            operation: "GrantRole",
            ..
        })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_who_leave_at_once_do_not_both_leave() {
    let database = test_database().await.unwrap();
    let (here, there) = (journal(&database).await, journal(&database).await);
    let (here, there) = (
        commands(&here, CreateProjects::Anyone),
        commands(&there, CreateProjects::Anyone),
    );
    let (alice, bob) = (person("alice"), person("bob"));
    for index in 0..10 {
        let project = format!("p{index}");
        create(&here, &alice, &project, "alice").await;
        let granted = role(&project, "bob", ProjectRole::Owner);
        here.grant_role(&alice, granted).await.unwrap();
        let leave = |who: &str| role(&project, who, ProjectRole::Owner);
        let (first, second) = tokio::join!(
            here.revoke_role(&alice, leave("alice")),
            there.revoke_role(&bob, leave("bob")),
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_of_two_processes_are_all_kept_also_at_the_end() {
    let database = test_database().await.unwrap();
    let cancel = CancellationToken::new();
    let (mut writers, mut both) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let journal = journal(&database).await;
        let (log, writer) = DenialLog::new(journal.clone());
        writers.push(tokio::spawn(writer.run(cancel.clone())));
        both.push(commands(&journal, CreateProjects::Anyone).recording(log));
    }
    let bob = person("bob");
    let started = Instant::now();
    for _ in 0..10 {
        for commands in &both {
            assert_eq!(ask(commands, &bob, "ConnectTool", None).await, Way::Forbidden);
        }
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    cancel.cancel();
    for writer in writers {
        writer.await.unwrap();
    }
    let kept = both[0].journal().load_fresh::<Access>("bob").await.unwrap();
    assert_eq!((kept.version, kept.state.denials), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fails_to_sign_in_takes_no_room_from_denials() {
    let database = test_database().await.unwrap();
    let journal = journal(&database).await;
    let (log, writer) = DenialLog::new(journal.clone());
    let commands = commands(&journal, CreateProjects::Anyone).recording(log);
    let fail = |address: String| {
        let mut context = caller("system:sign-in", Grants::default());
        context.actor.address = Some(address);
        commands.record_failed_sign_in(&context, None, "portal", "no reason");
    };
    // More addresses than are remembered, and more failures than wait to be written.
    for index in 0..11_000_u32 {
        fail(format!("10.0.{}.{}", index / 256, index % 256));
    }
    let bob = person("bob");
    assert_eq!(ask(&commands, &bob, "ConnectTool", None).await, Way::Forbidden);
    let cancel = CancellationToken::new();
    let writing = tokio::spawn(writer.run(cancel.clone()));
    // Written before what waits since longer.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let kept = journal.load_fresh::<Access>("bob").await.unwrap();
        if kept.state.denials == 1 {
            break;
        }
        assert!(Instant::now() < deadline, "the denial is written in time");
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    writing.await.unwrap();
}
