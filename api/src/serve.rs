//! `opstella serve`: everything in one process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use opstella_adapters::Toolbox;
use opstella_adapters::registry::Registry;
use opstella_commands::DenialLog;
use opstella_journal::Journal;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{Sightings, Verifier};
use crate::config::{Config, ConfigError};
use crate::events::EventHub;
use crate::http::rate::RateLimits;
use crate::http::report_places::ReportPlaces;
use crate::outside::Outside;
use crate::routes::stream::StreamPlaces;
use crate::routes::webhooks::WebhookSecrets;
use crate::server::Http;
use crate::signin::SignIn;
use crate::state::AppState;
use crate::wiring::{StartError, Stores, connect};
use crate::{notify, seed, telemetry};

/// A running Opstella.
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    state: Data<AppState>,
    stores: Stores,
    outside: Arc<Outside>,
    http: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    /// Ends the background tasks, after the last request.
    background: CancellationToken,
    tasks: TaskTracker,
}

/// Starts everything. Returns when requests are served.
///
/// # Errors
/// [`StartError`], in one line that says what to do.
pub async fn start(config: Config, migrate: bool) -> Result<Serving, StartError> {
    let credentials = config.credentials.clone();
    start_with(config, migrate, |journal| Registry::new(journal, credentials)).await
}

/// As [`start`], with other adapters: for tests and demonstrations.
///
/// # Errors
/// [`StartError`].
pub async fn start_with(
    config: Config,
    migrate: bool,
    toolbox: impl FnOnce(Journal) -> Arc<dyn Toolbox>,
) -> Result<Serving, StartError> {
    // A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let issuer = config.oidc.issuer.clone().ok_or(ConfigError::Missing {
        key: "oidc.issuer",
        variable: "OPSTELLA_OIDC__ISSUER",
    })?;
    telemetry::metrics_handle();
    let pool = connect(&config).await?;
    if migrate || config.database.migrate_on_start {
        opstella_journal::migrate(&pool).await?;
    }
    let mut stores = Stores::open(&config, pool).await?;
    let (denials, writer) = DenialLog::new(stores.journal.clone());
    stores.commands = stores.commands.recording(denials);
    stores.projections.prepare().await?;
    seed::templates(&stores.commands).await?;

    let verifier = Arc::new(Verifier::new(&issuer, &config.oidc)?);
    let sign_in = SignIn::of(
        &config,
        &issuer,
        stores.pool.clone(),
        stores.commands.clone(),
        Arc::clone(&verifier),
    )?;
    let events = EventHub::new(config.limits.stream_buffer);
    let toolbox = toolbox(stores.journal.clone());
    let signing = notify::signing_key(&config.notifications, &stores.pool).await?;
    let notifier = notify::notifier(&config, stores.commands.clone(), signing.clone())?;
    let installation = stores.installation(&config).await?;
    let outside = Outside::start(stores.commands.clone(), toolbox, installation, &config.engine);
    let state = Data::new(AppState {
        journal: stores.journal.clone(),
        commands: stores.commands.clone(),
        queries: stores.projections.queries(),
        projections: stores.projections.clone(),
        verifier: Arc::clone(&verifier),
        sign_in: sign_in.clone(),
        sightings: Sightings::new(
            stores.pool.clone(),
            stores.commands.clone(),
            config.session.idle(),
        ),
        rate: RateLimits::new(&config.limits),
        reports: ReportPlaces::new(&config.limits),
        events: events.clone(),
        streams: StreamPlaces::new(&config.limits),
        tools: outside.clone(),
        webhook_secrets: WebhookSecrets::default(),
        signing,
        stopping: CancellationToken::new(),
        config,
    });

    let (background, tasks) = (CancellationToken::new(), TaskTracker::new());
    let from = stores.journal.head().await?;
    tasks.spawn({
        let (journal, cancel) = (stores.journal.clone(), background.clone());
        async move { events.run(journal, from, cancel).await }
    });
    tasks.spawn({
        let (projections, cancel) = (stores.projections.clone(), background.clone());
        async move { projections.run(cancel).await }
    });
    tasks.spawn(writer.run(background.clone()));
    if let Some(notifier) = notifier {
        tasks.spawn(notifier.run(background.clone()));
    }
    tasks.spawn({
        let cancel = background.clone();
        async move { verifier.keep_fresh(cancel).await }
    });

    if let Some(sign_in) = sign_in {
        let cancel = background.clone();
        tasks.spawn(async move { sign_in.keep_swept(cancel).await });
    }

    let listen = state.config.server.listen;
    let http = Http::bind(&state).map_err(|source| StartError::Listen {
        address: listen,
        source,
    })?;
    let (address, handle) = (http.address, http.handle());
    tracing::info!(%address, %installation, "serving");
    Ok(Serving {
        address,
        state,
        stores,
        outside,
        http: handle,
        server: tokio::spawn(http.server),
        background,
        tasks,
    })
}

impl Serving {
    /// What handlers work with.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Stops: no new connections, requests under way are answered, streams end, steps under way are waited for; then
    /// the projections and the journal. All within the configured grace.
    pub async fn stop(self) {
        let grace = Duration::from_secs(self.state.config.server.shutdown_grace_seconds);
        let background = self.background.clone();
        if timeout(grace, self.drain()).await.is_err() {
            tracing::warn!(
                "not everything ended within the grace; what is under way goes on at the next start"
            );
            background.cancel();
        }
    }

    async fn drain(self) {
        tracing::info!("stopping");
        self.state.stopping.cancel();
        tokio::join!(self.http.stop(true), self.outside.shutdown());
        if let Ok(Err(error)) = self.server.await {
            tracing::error!(%error, "the server did not stop cleanly");
        }
        self.background.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        drop(self.state);
        self.stores.close().await;
        tracing::info!("stopped");
    }

    /// Serves until the process is told to stop (SIGTERM, SIGINT) or the server fails.
    ///
    /// # Errors
    /// [`StartError::Server`].
    pub async fn until_stopped(mut self) -> Result<(), StartError> {
        tokio::select! {
            () = signal() => {
                tokio::select! {
                    () = self.stop() => {}
                    () = signal() => tracing::warn!(
                        "told to stop again: what is under way goes on at the next start"
                    ),
                }
                Ok(())
            }
            result = &mut self.server => match result {
                Ok(Err(error)) => Err(StartError::Server(error)),
                Ok(Ok(())) => Ok(()),
                Err(error) => Err(StartError::Server(std::io::Error::other(error))),
            },
        }
    }
}

/// Resolves when the process is told to stop.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(error) => {
            tracing::warn!(%error, "a signal cannot be listened to");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}
