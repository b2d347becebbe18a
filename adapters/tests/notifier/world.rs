//! A database of the test's own, and processes that come and go on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opstella_adapters::notifier::{Notifier, NotifierOptions, SigningKey};
use opstella_commands::{Authenticated, CommandContext, CommandOptions, Commands, CreateProject, MemberRole};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::access::ProjectRole;
use opstella_domain::subscription::{Settings, SubscriptionCommand, SubscriptionKey};
use opstella_journal::{Journal, JournalOptions};
use opstella_projections::Queries;
use opstella_projections::queries::{Delivery, PageRequest};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const KEY: &str = "the key of this test, long enough for everybody";

pub struct World {
    pub commands: Commands,
    pub pool: PgPool,
    pub options: NotifierOptions,
    _database: TestDatabase,
}

/// A notifier at work.
pub struct Process {
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

pub fn key(text: &str) -> SubscriptionKey {
    text.parse().unwrap()
}

pub fn context() -> CommandContext {
    CommandContext::system("test", "test")
}

pub fn signing() -> SigningKey {
    SigningKey::configured(&KEY.into()).unwrap()
}

pub fn secret(subscription: &str, number: u32) -> String {
    signing()
        .secret(&key(subscription), number)
        .expose_secret()
        .to_owned()
}

async fn commands(url: &str) -> Commands {
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .connect(url)
        .await
        .unwrap();
    opstella_journal::migrate(&pool).await.unwrap();
    let journal = Journal::open(pool, JournalOptions::default()).await.unwrap();
    let options = CommandOptions {
        public_url: "https://opstella.example".into(),
        connection: "main".parse().unwrap(),
        deploy_wait_minutes: 15,
    };
    Commands::new(journal, Arc::new(Authenticated), options)
}

impl World {
    pub async fn new() -> Self {
        let database = test_database().await.unwrap();
        let commands = commands(&database.url).await;
        let world = Self {
            pool: commands.journal().pool().clone(),
            commands,
            options: NotifierOptions {
                allow_private: true,
                allow_http: true,
                timeout: Duration::from_secs(20),
                backoff_first: Duration::from_millis(20),
                backoff_longest: Duration::from_millis(80),
                poll_interval: Duration::from_millis(20),
                lease_interval: Duration::from_millis(50),
                sweep_interval: Duration::from_millis(50),
                ..NotifierOptions::default()
            },
            _database: database,
        };
        world.project("payments").await;
        world
    }

    /// A process with a journal of its own.
    pub async fn process(&self) -> Process {
        let commands = commands(&self._database.url).await;
        let source = "https://opstella.example";
        let notifier = Notifier::new(commands, signing(), source, self.options.clone()).unwrap();
        let stop = CancellationToken::new();
        Process {
            task: tokio::spawn(notifier.run(stop.clone())),
            stop,
        }
    }

    pub async fn project(&self, slug: &str) {
        let request = CreateProject {
            slug: slug.parse().unwrap(),
            name: slug.into(),
            description: None,
            owner: "alice".parse().unwrap(),
        };
        self.commands.create_project(&context(), request).await.unwrap();
    }

    /// Something happens in `payments`: `opstella.Project.RoleGranted`.
    pub async fn grant(&self, member: &str) -> String {
        let request = MemberRole {
            project: "payments".parse().unwrap(),
            member: member.parse().unwrap(),
            role: ProjectRole::Viewer,
        };
        let accepted = self.commands.grant_role(&context(), request).await.unwrap();
        accepted.position.to_string()
    }

    pub async fn send(&self, command: SubscriptionCommand) -> String {
        let accepted = self.commands.subscribe(&context(), command).await.unwrap();
        accepted.position.to_string()
    }

    pub async fn subscribe(&self, subscription: &str, url: &str, patterns: &[&str]) {
        self.send(SubscriptionCommand::Create {
            key: key(subscription),
            settings: Settings {
                url: url.parse().unwrap(),
                events: patterns.iter().map(|p| p.parse().unwrap()).collect(),
            },
            plain_http: true,
        })
        .await;
    }

    /// It is told elsewhere, or of other events, from now on.
    pub async fn change(&self, subscription: &str, url: &str, patterns: &[&str]) {
        self.send(SubscriptionCommand::Change {
            key: key(subscription),
            settings: Settings {
                url: url.parse().unwrap(),
                events: patterns.iter().map(|p| p.parse().unwrap()).collect(),
            },
            plain_http: true,
        })
        .await;
    }

    pub async fn disable(&self, subscription: &str) {
        self.send(SubscriptionCommand::Disable {
            key: key(subscription),
            reason: "test".into(),
        })
        .await;
    }

    pub async fn enable(&self, subscription: &str) {
        let key = key(subscription);
        self.send(SubscriptionCommand::Enable { key }).await;
    }

    pub async fn replay(&self, subscription: &str, delivery: Option<&str>) {
        self.send(SubscriptionCommand::Replay {
            key: key(subscription),
            delivery: delivery.map(|id| id.parse().unwrap()),
        })
        .await;
    }

    /// Deliveries, the oldest event first.
    pub async fn deliveries(&self, subscription: &str) -> Vec<Delivery> {
        let queries = Queries::new(self.pool.clone());
        let page = PageRequest::first(200);
        let mut found = queries.deliveries(subscription, None, &page).await.unwrap().items;
        found.reverse();
        found
    }

    /// Waits until each delivery is in the state given for it.
    pub async fn until(&self, subscription: &str, states: &[&str]) -> Vec<Delivery> {
        let mut seen = Vec::new();
        let found = self
            .eventually(async || {
                let found = self.deliveries(subscription).await;
                seen = found.iter().map(|d| d.state.clone()).collect();
                (seen == states).then_some(found)
            })
            .await;
        found.unwrap_or_else(|| panic!("{subscription}: {seen:?} instead of {states:?}"))
    }

    /// Waits until the feed has looked at everything.
    pub async fn fed(&self) {
        let newest = "SELECT position FROM events ORDER BY transaction_id DESC, position DESC LIMIT 1";
        let newest: i64 = sqlx::query_scalar(newest).fetch_one(&self.pool).await.unwrap();
        let fed = self.eventually(async || {
            let at = "SELECT position FROM notification_checkpoint";
            let at: Option<i64> = sqlx::query_scalar(at).fetch_optional(&self.pool).await.unwrap();
            (at == Some(newest)).then_some(())
        });
        assert!(fed.await.is_some(), "the feed is not at the end");
    }

    pub async fn eventually<T>(&self, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(found) = look().await {
                return Some(found);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

impl Process {
    /// In order; it must not take long.
    pub async fn end(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(15), self.task).await;
        ended.expect("no clean end").unwrap();
    }

    /// As a crash would.
    pub fn kill(self) {
        self.task.abort();
    }
}
