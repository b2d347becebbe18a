//! The sections of the configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use opstella_commands::CreateProjects;
use opstella_domain::Tool;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{ConfigError, Network};

/// `server`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Where people and tools reach Opstella; webhooks are made with it.
    pub public_url: Url,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Threads that serve requests; 0: one a core.
    pub workers: usize,
    /// Seconds from the signal to stop until what is still under way is cut off.
    pub shutdown_grace_seconds: u64,
}

/// `database`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://…`, with user and password: a secret.
    pub url: Option<SecretString>,
    /// Connections for queries.
    pub max_connections: u32,
    /// Seconds that a query waits for a connection.
    pub acquire_timeout_seconds: u64,
    /// Whether `serve` brings the schema up to date first.
    pub migrate_on_start: bool,
}

/// `oidc`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// `iss` of the tokens; the discovery document is below it.
    pub issuer: Option<String>,
    /// `aud` that a token must have.
    pub audience: String,
    /// Signature algorithms that are taken.
    pub algorithms: Vec<Algorithm>,
    /// Our client for signing in with a browser; without it, nobody does.
    pub client_id: Option<String>,
    /// Its secret; none for a public client.
    pub client_secret: Option<SecretString>,
    /// Scopes that are asked for.
    pub scopes: Vec<String>,
    /// Seconds by which clocks may differ.
    pub leeway_seconds: u64,
    /// Seconds between two looks for new keys.
    pub jwks_refresh_seconds: u64,
    /// Seconds after which keys that could not be refreshed are no longer taken.
    pub jwks_max_age_seconds: u64,
    /// Least seconds between two looks that unknown keys cause.
    pub jwks_min_interval_seconds: u64,
    /// Seconds that the issuer may take to answer.
    pub timeout_seconds: u64,
}

/// `session`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// 32 bytes in base64, which tokens are sealed with; without it, sessions end with the process.
    pub key: Option<SecretString>,
    /// Hours after which a session ends in any case.
    pub lifetime_hours: u64,
    /// Minutes without a request after which it ends.
    pub idle_minutes: u64,
}

impl SessionConfig {
    /// Longest time of a session.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_hours * 3600)
    }

    /// Longest time without a request.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_minutes * 60)
    }
}

/// The bytes of `session.key`.
///
/// # Errors
/// [`ConfigError::Invalid`], without the value.
pub fn session_key(key: &SecretString) -> Result<[u8; 32], ConfigError> {
    let bytes = STANDARD.decode(key.expose_secret().trim()).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| ConfigError::Invalid {
            key: "session.key".to_owned(),
            rule: "must be 32 bytes in base64: `openssl rand -base64 32` makes one".to_owned(),
            place: "its value is not shown".to_owned(),
        })
}

/// `gates`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatesConfig {
    /// The program whose command `gate` looks at custom gates; this program itself where it is not set.
    pub program: Option<PathBuf>,
}

/// `access`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessConfig {
    /// Who may make projects.
    pub create_project: CreateProjects,
}

/// `limits`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Entries of a page.
    pub page_size: u32,
    /// Bytes of all headers together.
    pub header_bytes: usize,
    /// Bytes of path and query.
    pub path_bytes: usize,
    /// Seconds that a request may take; what `Prefer: wait` asks for is added.
    pub request_timeout_seconds: u64,
    /// Longest `Prefer: wait`, in seconds.
    pub wait_seconds: u64,
    /// Seconds that a query waits for the position that it names.
    pub read_your_writes_seconds: u64,
    /// Requests a second of one subject, in the long run.
    pub requests_per_second: u32,
    /// Requests of one subject at once.
    pub burst: u32,
    /// Reports that are received and read at once.
    pub reports_at_once: usize,
    /// Event streams open at once.
    pub streams: usize,
    /// Event streams of one subject open at once.
    pub streams_per_subject: usize,
    /// Events that are kept for streams that are behind; one that is further behind reads the database.
    pub stream_buffer: usize,
    /// Seconds between two heartbeats of a stream.
    pub heartbeat_seconds: u64,
    /// Seconds that a projection may be behind before `/readyz` says so.
    pub projection_lag_seconds: u64,
}

/// `engine`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Whether this process executes runs.
    pub enabled: bool,
    /// Longest time of one try of a step, in seconds.
    pub step_timeout_seconds: u64,
    /// Between two looks at what Argo CD runs, in seconds.
    pub watch_seconds: u64,
    /// From the first look at evidence that a tool keeps to the second, in seconds; later pauses are longer.
    pub evidence_seconds: u64,
    /// For how long the evidence on a release is asked for, in hours.
    pub evidence_hours: u64,
    /// Between two looks at whether an image that waits in a promotion or runs somewhere was scanned again, in hours.
    pub rescan_hours: u64,
    /// How long a deployment may take to become healthy, in minutes.
    pub deploy_wait_minutes: u32,
    /// Limits by tool.
    pub tools: BTreeMap<Tool, ToolLimitConfig>,
}

/// `engine.tools.<tool>`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolLimitConfig {
    /// Steps under way at once.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// Steps started in a second.
    #[serde(default = "default_per_second")]
    pub per_second: u32,
    /// Transient failures in a row that open the circuit.
    #[serde(default = "default_circuit_failures")]
    pub circuit_failures: u32,
    /// Seconds that an open circuit waits before it lets one step try.
    #[serde(default = "default_circuit_pause")]
    pub circuit_pause_seconds: u64,
}

fn default_concurrency() -> usize {
    32
}

fn default_per_second() -> u32 {
    200
}

fn default_circuit_failures() -> u32 {
    8
}

fn default_circuit_pause() -> u64 {
    5
}

/// `log`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// For people, or for machines.
    pub format: LogFormat,
    /// What is logged, as `tracing` filters: `info,opstella_api=debug`.
    pub level: String,
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text an event.
    Text,
    /// One JSON object an event.
    Json,
}
