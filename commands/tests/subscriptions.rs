//! Subscriptions against what is in other tables and streams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;

use opstella_commands::{
    Authenticated, CommandContext, CommandError, CommandOptions, Commands, CreateProject, IdempotencyKey,
};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::DomainError;
use opstella_domain::subscription::{Settings, SubscriptionCommand};
use opstella_journal::{Journal, JournalOptions, migrate};
use sqlx::postgres::PgPoolOptions;

async fn commands(database: &TestDatabase) -> Commands {
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .connect(&database.url)
        .await
        .unwrap();
    migrate(&pool).await.unwrap();
    let journal = Journal::open(pool, JournalOptions::default()).await.unwrap();
    let options = CommandOptions {
        public_url: "https://opstella.example".into(),
        connection: "main".parse().unwrap(),
        deploy_wait_minutes: 15,
    };
    Commands::new(journal, Arc::new(Authenticated), options)
}

fn context() -> CommandContext {
    CommandContext::system("test", "test")
}

fn create(key: &str) -> SubscriptionCommand {
    SubscriptionCommand::Create {
        key: key.parse().unwrap(),
        settings: Settings {
            url: "https://chat.example/hook".parse().unwrap(),
            events: ["*".parse().unwrap()].into(),
        },
        plain_http: false,
    }
}

fn replay(delivery: Option<&str>) -> SubscriptionCommand {
    SubscriptionCommand::Replay {
        key: "chat".parse().unwrap(),
        delivery: delivery.map(|id| id.parse().unwrap()),
    }
}

async fn refused(commands: &Commands, command: SubscriptionCommand) -> DomainError {
    match commands.subscribe(&context(), command).await {
        Err(CommandError::Domain(error)) => *error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_project_has_to_be_there_and_has_room_for_so_many() {
    let database = test_database().await.unwrap();
    let commands = commands(&database).await;
    let error = refused(&commands, create("payments/chat")).await;
    assert!(
        matches!(error, DomainError::NotFound { kind: "project", .. }),
        "{error}"
    );
    let project = CreateProject {
        slug: "payments".parse().unwrap(),
        name: "x".into(),
        description: None,
        owner: "alice".parse().unwrap(),
    };
    commands.create_project(&context(), project).await.unwrap();
    let many = "INSERT INTO notification_subscriptions (subscription) SELECT $1 || n FROM generate_series(1, 50) AS n";
    let pool = commands.journal().pool();
    // Those of others do not count.
    for prefix in ["ledger/n", "payments-too/n"] {
        sqlx::query(many).bind(prefix).execute(pool).await.unwrap();
    }
    commands
        .subscribe(&context(), create("payments/chat"))
        .await
        .unwrap();
    commands.subscribe(&context(), create("chat")).await.unwrap();
    for (prefix, next) in [("payments/n", "payments/more"), ("n", "more")] {
        sqlx::query(many).bind(prefix).execute(pool).await.unwrap();
        let error = refused(&commands, create(next)).await.to_string();
        assert!(error.contains("delete one first"), "{error}");
    }
    // A name that is taken is taken, room or not.
    let error = refused(&commands, create("chat")).await;
    assert!(matches!(error, DomainError::AlreadyExists { .. }), "{error}");
}

#[tokio::test]
async fn only_dead_letters_are_replayed_and_each_request_once() {
    let database = test_database().await.unwrap();
    let commands = commands(&database).await;
    let error = refused(&commands, replay(Some("7-1"))).await;
    assert!(
        matches!(
            error,
            DomainError::NotFound {
                kind: "subscription",
                ..
            }
        ),
        "{error}"
    );
    commands.subscribe(&context(), create("chat")).await.unwrap();
    let pool = commands.journal().pool();
    let there =
        "WITH s AS (INSERT INTO notification_subscriptions (subscription) VALUES ('chat') RETURNING 1)
                 SELECT count(*) FROM s";
    sqlx::query(there).execute(pool).await.unwrap();
    for (position, state) in [(1, "dead"), (2, "delivered")] {
        sqlx::query(
            "INSERT INTO notification_deliveries (subscription, transaction_id, position, event_type, subject, state)
             VALUES ('chat', 7, $1, 'x', 'x', $2)",
        )
        .bind(i64::from(position))
        .bind(state)
        .execute(pool)
        .await
        .unwrap();
    }
    for wrong in ["7-2", "7-3"] {
        let error = refused(&commands, replay(Some(wrong))).await;
        assert!(
            matches!(
                error,
                DomainError::NotFound {
                    kind: "dead letter",
                    ..
                }
            ),
            "{error}"
        );
    }
    let once = CommandContext {
        idempotency: Some(IdempotencyKey {
            key: "k".into(),
            fingerprint: "f".into(),
        }),
        ..context()
    };
    let first = commands.subscribe(&once, replay(Some("7-1"))).await.unwrap();
    let again = commands.subscribe(&once, replay(Some("7-1"))).await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!((first.version, first.position), (again.version, again.position));
    assert_eq!(again.version, 2);
}
