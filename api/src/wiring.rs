//! What the binary's commands have in common: the database, the journal, the two sides of CQRS.

use std::sync::Arc;
use std::time::Duration;

use opstella_adapters::installation;
use opstella_commands::gate::GateProgram;
use opstella_commands::{CommandOptions, Commands, RoleAuthoriser};
use opstella_domain::InstallationId;
use opstella_journal::{Journal, JournalError, JournalOptions, SchemaState, mortal, schema_state};
use opstella_projections::{ProjectionOptions, Projections};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use thiserror::Error;

use crate::config::{Config, ConfigError};

/// Largest event: all files of the largest template, in JSON.
const LARGEST_EVENT: usize = 2 << 20;

/// Why something could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// PostgreSQL.
    #[error("database.url: {0}; is PostgreSQL there, and are user and password right?")]
    Database(#[source] sqlx::Error),
    /// The journal.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The schema is older than the program.
    #[error(
        "the database has no schema of this version: run `opstella migrate`, or set database.migrate_on_start"
    )]
    NotMigrated,
    /// The schema is newer than the program.
    #[error(
        "the database was migrated by a later version of Opstella: run that one, or restore a backup from before"
    )]
    MigratedFurther,
    /// The projections.
    #[error(transparent)]
    Projections(#[from] opstella_projections::ProjectionError),
    /// A command that the start needs.
    #[error("registering the templates that come with Opstella: {0}")]
    Seed(#[from] crate::seed::SeedError),
    /// The key that signs notifications.
    #[error("notifications.signing_key: {0}")]
    SigningKey(#[from] opstella_adapters::notifier::KeyError),
    /// The notifier.
    #[error(transparent)]
    Notifier(#[from] opstella_adapters::notifier::SenderError),
    /// Which Opstella this is.
    #[error("installation: the id that the database holds cannot be read: {0}")]
    Installation(#[source] sqlx::Error),
    /// The HTTP client.
    #[error("the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The address.
    #[error("server.listen {address}: {source}; choose another address or port")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The server.
    #[error("the server: {0}")]
    Server(std::io::Error),
    /// Logging.
    #[error("{0}")]
    Logging(String),
}

/// The database and what stands on it.
#[derive(Clone)]
pub struct Stores {
    /// Connections for queries.
    pub pool: PgPool,
    /// The journal.
    pub journal: Journal,
    /// The write side.
    pub commands: Commands,
    /// The read side.
    pub projections: Projections,
}

/// Connects to the configured database.
///
/// # Errors
/// [`StartError`], where it is not configured or not there.
pub async fn connect(config: &Config) -> Result<PgPool, StartError> {
    let url = config.database.url.as_ref().ok_or(ConfigError::Missing {
        key: "database.url",
        variable: "OPSTELLA_DATABASE__URL",
    })?;
    let options: PgConnectOptions = url.expose_secret().parse().map_err(|_| ConfigError::Invalid {
        key: "database.url".to_owned(),
        rule: "must be postgres://user:password@host:port/database".to_owned(),
        place: "its value is not shown".to_owned(),
    })?;
    PgPoolOptions::new()
        .max_connections(config.database.max_connections)
        .acquire_timeout(Duration::from_secs(config.database.acquire_timeout_seconds))
        .connect_with(mortal(options.application_name("opstella")))
        .await
        .map_err(StartError::Database)
}

impl Stores {
    /// Opens everything on a migrated database.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: &Config, pool: PgPool) -> Result<Self, StartError> {
        check_schema(&pool).await?;
        let options = JournalOptions {
            max_event_bytes: LARGEST_EVENT,
            snapshot_tag: opstella_domain::CODE.to_owned(),
            ..JournalOptions::default()
        };
        let journal = Journal::open(pool.clone(), options).await?;
        let options = CommandOptions {
            public_url: config.server.public_url.as_str().trim_end_matches('/').to_owned(),
            connection: config.connection.clone(),
            deploy_wait_minutes: config.engine.deploy_wait_minutes,
        };
        let authoriser = RoleAuthoriser {
            create_project: config.access.create_project,
        };
        let mut commands = Commands::new(journal.clone(), Arc::new(authoriser), options);
        if let Some(program) = &config.gates.program {
            commands = commands.looking_with(GateProgram::new(program, ["gate"]));
        }
        let projections = Projections::standard(journal.clone(), ProjectionOptions::default());
        Ok(Self {
            pool,
            journal,
            commands,
            projections,
        })
    }

    /// Which Opstella this is: as configured, else as the database says.
    ///
    /// # Errors
    /// [`StartError::Installation`].
    pub async fn installation(&self, config: &Config) -> Result<InstallationId, StartError> {
        match config.installation {
            Some(installation) => Ok(installation),
            None => installation::stored(&self.pool)
                .await
                .map_err(StartError::Installation),
        }
    }

    /// Closes everything.
    pub async fn close(self) {
        self.journal.close().await;
        self.pool.close().await;
    }
}

async fn check_schema(pool: &PgPool) -> Result<(), StartError> {
    match schema_state(pool).await.map_err(StartError::Database)? {
        SchemaState::Current => Ok(()),
        SchemaState::Older => Err(StartError::NotMigrated),
        SchemaState::Newer => Err(StartError::MigratedFurther),
    }
}
