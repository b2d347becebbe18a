//! Why the configuration is not taken.

use thiserror::Error;

/// Why the configuration is not taken. Never shows a value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("the configuration file {0} cannot be read: give another with --config or OPSTELLA_CONFIG")]
    File(String),
    /// A key that does not exist.
    #[error("{key}: there is no such key ({place}); docs/operating.md lists all keys")]
    UnknownKey {
        /// Its path.
        key: String,
        /// Where it is set.
        place: String,
    },
    /// A value that breaks a rule.
    #[error("{key}: {rule} ({place})")]
    Invalid {
        /// Path of the key.
        key: String,
        /// The rule.
        rule: String,
        /// Where it is set.
        place: String,
    },
    /// A key without a default is not set.
    #[error("{key}: is required and not set; set it in the file or as {variable}")]
    Missing {
        /// Path of the key.
        key: &'static str,
        /// The environment variable.
        variable: &'static str,
    },
}
