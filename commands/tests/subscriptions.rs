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
    let too = CreateProject {
        slug: "payments-too".parse().unwrap(),
        ..project.clone()
    };
    commands.create_project(&context(), project).await.unwrap();
    commands.create_project(&context(), too).await.unwrap();
    let make = async |key: String| commands.subscribe(&context(), create(&key)).await.unwrap();
    for prefix in ["payments/n", "n"] {
        for number in 0..50 {
            make(format!("{prefix}{number}")).await;
        }
        let error = refused(&commands, create(&format!("{prefix}50")))
            .await
            .to_string();
        assert!(error.contains("delete one first"), "{error}");
    }
    // Those of others do not count.
    make("payments-too/n".to_owned()).await;
    // A name that is taken is taken, room or not.
    let error = refused(&commands, create("n7")).await;
    assert!(matches!(error, DomainError::AlreadyExists { .. }), "{error}");
    // One that was deleted makes room, and a name that is free again counts once.
    for _ in 0..3 {
        let key = "payments/n7".parse().unwrap();
        let delete = SubscriptionCommand::Delete { key };
        commands.subscribe(&context(), delete).await.unwrap();
        make("payments/n7".to_owned()).await;
    }
    let error = refused(&commands, create("payments/n50")).await.to_string();
    assert!(error.contains("delete one first"), "{error}");
}

/// Sixty at once, by two processes: no more get in than there is room for.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_however_many_ask_at_once() {
    let database = test_database().await.unwrap();
    let processes = [commands(&database).await, commands(&database).await];
    let ask = |number: usize| {
        let commands = processes[number % 2].clone();
        tokio::spawn(async move {
            let made = commands
                .subscribe(&context(), create(&format!("n{number}")))
                .await;
            match made {
                Ok(_) => true,
                Err(CommandError::Domain(error)) if error.to_string().contains("delete one first") => false,
                Err(error) => panic!("{error}"),
            }
        })
    };
    let asked: Vec<_> = (0..60).map(ask).collect();
    let mut made = 0;
    for asked in asked {
        made += usize::from(asked.await.unwrap());
    }
    assert_eq!(made, 50);
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
