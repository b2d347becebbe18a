//! What handlers work with.

use std::sync::Arc;

use opstella_adapters::notifier::SigningKey;
use opstella_commands::Commands;
use opstella_journal::Journal;
use opstella_projections::{Projections, Queries};

use tokio_util::sync::CancellationToken;

use crate::auth::{Sightings, Verifier};
use crate::config::Config;
use crate::events::EventHub;
use crate::http::rate::RateLimits;
use crate::http::report_places::ReportPlaces;
use crate::routes::stream::StreamPlaces;
use crate::routes::webhooks::WebhookSecrets;
use crate::signin::SignIn;
use crate::tools::ToolSide;

/// What handlers work with; one per process.
pub struct AppState {
    /// The configuration.
    pub config: Config,
    /// The journal.
    pub journal: Journal,
    /// The write side.
    pub commands: Commands,
    /// The read side's keeper.
    pub projections: Projections,
    /// The read side.
    pub queries: Queries,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Signs browsers in, where that is configured.
    pub sign_in: Option<SignIn>,
    /// Notices who comes with a bearer token.
    pub sightings: Sightings,
    /// Counts requests.
    pub rate: RateLimits,
    /// Places for reports that are being read.
    pub reports: ReportPlaces,
    /// New events, for streams.
    pub events: EventHub,
    /// Places for streams.
    pub streams: StreamPlaces,
    /// The outside world.
    pub tools: Arc<dyn ToolSide>,
    /// What tools sign their webhooks with, remembered for a while.
    pub webhook_secrets: WebhookSecrets,
    /// What the secrets of subscriptions are derived from.
    pub signing: SigningKey,
    /// Ends streams when the server stops.
    pub stopping: CancellationToken,
}
