//! A database of the test's own, environments that run something, and promoters that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use opstella_adapters::promoter::{Promoter, PromoterOptions};
use opstella_commands::{Authenticated, CommandContext, CommandOptions, Commands, ConnectTool};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::promotion::{EnvironmentEvent, PromotionId, PromotionKind, ServiceEnvironment};
use opstella_domain::release::Digest;
use opstella_domain::tool_connection::{Connection, ConnectionKey, ToolSettings};
use opstella_domain::{Decide, Tool};
use opstella_journal::{Append, EventMetadata, Journal, JournalOptions, Position, StreamAppend};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::argocd::Argo;

pub struct World {
    pub commands: Commands,
    pub pool: PgPool,
    pub argo: Argo,
    pub options: PromoterOptions,
    _database: TestDatabase,
}

/// What should run of a component.
pub fn digest() -> Digest {
    Digest::of(b"the image")
}

/// As Argo CD names it, where it is in our registry.
pub fn image(project: &str, service: &str, component: &str) -> String {
    format!("harbor.example/{project}_{service}/{component}@{}", digest())
}

impl World {
    pub async fn new() -> Self {
        let database = test_database().await.unwrap();
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .connect(&database.url)
            .await
            .unwrap();
        opstella_journal::migrate(&pool).await.unwrap();
        let journal = Journal::open(pool.clone(), JournalOptions::default())
            .await
            .unwrap();
        let options = CommandOptions {
            public_url: "https://opstella.example".into(),
            connection: "main".parse().unwrap(),
            deploy_wait_minutes: 15,
        };
        let world = Self {
            commands: Commands::new(journal, Arc::new(Authenticated), options),
            pool,
            argo: Argo::default(),
            options: PromoterOptions {
                clock_interval: Duration::from_secs(3600),
                watch_interval: Duration::from_secs(3600),
                lease_interval: Duration::from_millis(50),
            },
            _database: database,
        };
        for (tool, url) in [
            (Tool::Harbor, "https://harbor.example"),
            (Tool::ArgoCd, "https://argocd.example"),
        ] {
            let connection = Connection {
                url: url.to_owned().try_into().unwrap(),
                credential: tool.slug().parse().unwrap(),
                settings: ToolSettings::default(),
            };
            let key = ConnectionKey {
                tool,
                name: "main".parse().unwrap(),
            };
            let request = ConnectTool { key, connection };
            let context = CommandContext::system("test", "test");
            world.commands.connect_tool(&context, request).await.unwrap();
        }
        world
    }

    pub fn promoter(&self) -> Promoter {
        Promoter::start(
            self.commands.clone(),
            Arc::new(self.argo.clone()),
            self.options.clone(),
        )
    }

    /// Appends events as they are, whatever the aggregate thinks of them.
    pub async fn append<A>(&self, id: &str, events: Vec<<A as Decide>::Event>) -> Position
    where
        A: Decide + cqrs_es::Aggregate<Event = <A as Decide>::Event>,
    {
        let journal = self.commands.journal();
        let loaded = journal.load_fresh::<A>(id).await.unwrap();
        let streams = vec![StreamAppend::of(&loaded, events).unwrap()];
        let metadata = EventMetadata {
            command: "Test".into(),
            ..EventMetadata::default()
        };
        journal
            .append(Append::new(metadata, streams))
            .await
            .unwrap()
            .position
    }

    /// The environment runs a release with these components, and Argo CD says so.
    pub async fn running(&self, key: &str, components: &[&str]) {
        let (promotion, at) = (PromotionId(Uuid::new_v4()), Utc::now());
        let images = components.iter().map(|name| (name.parse().unwrap(), digest()));
        let requested = EnvironmentEvent::PromotionRequested {
            key: key.parse().unwrap(),
            promotion,
            kind: PromotionKind::Promote,
            release: "1.0.0".parse().unwrap(),
            images: images.collect(),
            requester: "alice".parse().unwrap(),
            authors: BTreeSet::new(),
            change_reference: None,
            queued: false,
            at,
        };
        let completed = EnvironmentEvent::PromotionCompleted { promotion, at };
        self.append::<ServiceEnvironment>(key, vec![requested, completed])
            .await;
        let [project, service, environment] = key.split('/').collect::<Vec<_>>()[..] else {
            panic!("{key}");
        };
        for component in components {
            let name = format!(
                "{project}--{service}--{component}--{}",
                environment.to_lowercase()
            );
            self.argo
                .runs(&name, &image(project, service, component), "Healthy");
        }
    }

    pub async fn environment(&self, key: &str) -> ServiceEnvironment {
        let loaded = self
            .commands
            .journal()
            .load_fresh::<ServiceEnvironment>(key)
            .await;
        (*loaded.unwrap().state).clone()
    }

    /// Waits until the promoter has followed the journal up to there.
    pub async fn followed(&self, to: Position) {
        self.until("the journal to be followed", async || {
            let sql = "SELECT position FROM promoter_checkpoint";
            let at: Option<i64> = sqlx::query_scalar(sql).fetch_optional(&self.pool).await.unwrap();
            at.is_some_and(|at| at >= to.position)
        })
        .await;
    }

    pub async fn count(&self, condition: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM promoter_environments WHERE {condition}");
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        count.fetch_one(&self.pool).await.unwrap()
    }

    pub async fn events(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM events");
        count.fetch_one(&self.pool).await.unwrap()
    }

    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds().await {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
