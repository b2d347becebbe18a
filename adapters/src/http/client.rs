//! The client of one connection.

use std::sync::{Arc, Once};
use std::time::Duration;

use opstella_domain::Tool;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use secrecy::SecretString;

use super::Call;
use crate::StepError;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(30);

/// What stays as it is in a path segment (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One path segment, percent-encoded: `payments/checkout_api` becomes `payments%2Fcheckout_api`.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// How a tool is told who calls.
#[derive(Clone)]
pub enum Credential {
    /// A header of the tool's own.
    Header(&'static str, SecretString),
    /// RFC 6750.
    Bearer(SecretString),
    /// RFC 7617.
    Basic {
        /// Who.
        user: String,
        /// The password.
        password: SecretString,
    },
}

/// The client of one connection. Cheap to clone.
#[derive(Clone)]
pub struct ToolHttp {
    pub(super) tool: Tool,
    pub(super) base: Arc<str>,
    pub(super) credential: Credential,
    pub(super) client: Client,
}

impl ToolHttp {
    /// A client of a tool. Redirects are not followed: a tool's API answers where it is asked.
    ///
    /// # Errors
    /// [`StepError::Permanent`] where no TLS client can be made.
    pub fn new(tool: Tool, base: &str, credential: Credential) -> Result<Self, StepError> {
        install_tls();
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("opstella/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| StepError::Permanent {
                message: format!("{tool}: no HTTP client: {error}"),
            })?;
        Ok(Self {
            tool,
            base: base.trim_end_matches('/').into(),
            credential,
            client,
        })
    }

    /// Which tool.
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Base URL, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A call to a path below the base URL; it starts with `/`, its segments are encoded ([`segment`]).
    pub fn call(&self, method: Method, path: impl Into<String>) -> Call {
        Call::new(self.clone(), method, path.into())
    }

    /// `GET`.
    pub fn get(&self, path: impl Into<String>) -> Call {
        self.call(Method::GET, path)
    }

    /// `POST`.
    pub fn post(&self, path: impl Into<String>) -> Call {
        self.call(Method::POST, path)
    }

    /// `PUT`.
    pub fn put(&self, path: impl Into<String>) -> Call {
        self.call(Method::PUT, path)
    }

    /// `PATCH`.
    pub fn patch(&self, path: impl Into<String>) -> Call {
        self.call(Method::PATCH, path)
    }

    /// `DELETE`.
    pub fn delete(&self, path: impl Into<String>) -> Call {
        self.call(Method::DELETE, path)
    }
}

/// Chooses the TLS implementation of the process, once.
pub(crate) fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else in the process may have chosen already; theirs serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
