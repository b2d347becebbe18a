//! What kind of server is wanted.

use std::path::PathBuf;

/// How a server is to run.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Where its files are kept; none means a temporary folder.
    pub data_dir: Option<PathBuf>,
    /// Whether a commit survives a power cut. Tests that do not ask for one are faster without.
    pub durable: bool,
    /// Whether the files stay when the server stops. Means nothing without `data_dir`.
    pub persistent: bool,
    /// Further settings, by their names in `postgresql.conf`; these win.
    pub settings: Vec<(String, String)>,
}

impl PostgresOptions {
    /// A temporary server that nobody expects to survive anything: what most tests want.
    pub fn throwaway() -> Self {
        Self::default()
    }

    /// A temporary server that keeps every committed transaction through a crash.
    pub fn durable() -> Self {
        Self {
            durable: true,
            ..Self::default()
        }
    }

    /// Adds a setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// All settings, ours first: the last of a name wins.
    pub(crate) fn all_settings(&self, port: u16) -> Vec<(String, String)> {
        let commit = if self.durable { "on" } else { "off" };
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            // A socket's path has a limit of 107 bytes, and a deep folder exceeds it.
            ("unix_socket_directories", ""),
            ("port", &port.to_string()),
            ("max_connections", "400"),
            // A test that ends while it connects leaves a server process in the middle of signing in, and DROP DATABASE
            // waits for that one: a minute, unless told otherwise.
            ("authentication_timeout", "5s"),
            ("shared_buffers", "128MB"),
            ("fsync", commit),
            ("full_page_writes", commit),
            ("synchronous_commit", commit),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        ours.into_iter().chain(self.settings.iter().cloned()).collect()
    }
}
