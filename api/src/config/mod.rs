//! The configuration: defaults, then a file, then the environment.
//!
//! Every key is a field of [`Config`]; `docs/operating.md` explains each, and a test holds the two together.

mod check;
mod error;
mod keys;
mod load;
mod network;
mod notifications;
mod public_url;
mod sections;

pub use error::ConfigError;
pub use keys::all_keys;
pub use load::load;
pub use network::Network;
pub use notifications::NotificationsConfig;
pub(crate) use public_url::is_plain_loopback;
pub use sections::{
    AccessConfig, DatabaseConfig, EngineConfig, GatesConfig, LimitsConfig, LogConfig, LogFormat, OidcConfig,
    ServerConfig, SessionConfig, ToolLimitConfig, session_key,
};

use std::collections::BTreeMap;

use opstella_domain::{ConnectionName, CredentialName, InstallationId};
use secrecy::SecretString;
use serde::Deserialize;

/// Everything that can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where Opstella listens, and how it stops.
    pub server: ServerConfig,
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// Who issues the tokens.
    pub oidc: OidcConfig,
    /// Browsers that are signed in.
    pub session: SessionConfig,
    /// Who may do what beyond the table of permissions.
    pub access: AccessConfig,
    /// Credentials of tools by name; `credential` of a tool's connection names one.
    pub credentials: BTreeMap<CredentialName, SecretString>,
    /// What one request, and one subject, may take.
    pub limits: LimitsConfig,
    /// Who looks at custom gates.
    pub gates: GatesConfig,
    /// How runs are executed.
    pub engine: EngineConfig,
    /// Notification webhooks out.
    pub notifications: NotificationsConfig,
    /// The name of the connections that services are provisioned on.
    pub connection: ConnectionName,
    /// Which Opstella this is, to the tools; what the database says where it is not set.
    pub installation: Option<InstallationId>,
    /// What is logged and how.
    pub log: LogConfig,
}
