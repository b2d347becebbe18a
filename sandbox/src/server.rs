//! A running sandbox: starting it, asking it, breaking it, stopping it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::serving::{Inner, accept};
use crate::{Exchange, Fault, FaultError, FaultReport, Keycloak, SandboxTool, tools};

/// How a sandbox is started.
pub struct SandboxOptions {
    /// Port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// How long every answer of a tool takes at least.
    pub latency: Duration,
    /// Whether exchanges are kept for [`Sandbox::exchanges`].
    pub record_exchanges: bool,
    /// The tools, each under its own name.
    pub tools: Vec<Arc<dyn SandboxTool>>,
    /// One tool more: apart from the others because tests ask it for tokens ([`Sandbox::keycloak`]).
    pub keycloak: Option<Arc<Keycloak>>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            port: 0,
            latency: Duration::ZERO,
            record_exchanges: false,
            tools: tools::all(),
            keycloak: Some(Arc::default()),
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken or not allowed.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; choose another port, or 0 for a free one")]
    Bind {
        /// As asked for.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// Two tools have the same name.
    #[error("two tools are called `{0}`: each needs its own path prefix")]
    DuplicateTool(String),
}

/// A running sandbox. It ends when it is dropped.
pub struct Sandbox {
    inner: Arc<Inner>,
    keycloak: Option<Arc<Keycloak>>,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Sandbox {
    /// Starts the server on the current Tokio runtime.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let SandboxOptions {
            port,
            latency,
            record_exchanges,
            mut tools,
            keycloak,
        } = options;
        tools.extend(keycloak.clone().map(|k| k as Arc<dyn SandboxTool>));
        for (i, tool) in tools.iter().enumerate() {
            if tools.iter().skip(i + 1).any(|other| other.name() == tool.name()) {
                return Err(SandboxError::DuplicateTool(tool.name().to_owned()));
            }
        }
        let bind = |source| SandboxError::Bind { port, source };
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let inner = Arc::new(Inner::new(tools, record_exchanges, format!("http://{address}")));
        for tool in inner.tools() {
            tool.started(&format!("{}/{}", inner.url(), tool.name()));
        }
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, inner.clone(), stop.clone()));
        let sandbox = Self {
            inner,
            keycloak,
            stop,
            accepting,
        };
        sandbox.set_latency(latency);
        Ok(sandbox)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        self.inner.url()
    }

    /// `http://127.0.0.1:PORT/TOOL`.
    pub fn tool_url(&self, tool: &str) -> String {
        format!("{}/{tool}", self.inner.url())
    }

    /// What exists in each tool: `{tool: {kind: [name, ...]}}`.
    pub fn state(&self) -> Value {
        self.inner.state()
    }

    /// The Keycloak of this sandbox, to issue tokens in-process.
    pub fn keycloak(&self) -> Option<&Keycloak> {
        self.keycloak.as_deref()
    }

    /// Arms a fault and gives its number.
    pub fn add_fault(&self, fault: Fault) -> Result<u64, FaultError> {
        self.inner.faults.add(fault, &self.inner.names())
    }

    /// The faults that are armed, spent ones included, with how often each hit.
    pub fn faults(&self) -> Vec<FaultReport> {
        self.inner.faults.list()
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// How often any fault hit since the start, cleared ones included.
    pub fn faults_hit(&self) -> u64 {
        self.inner.faults.hits()
    }

    /// How long every answer of a tool takes at least, from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.inner.set_latency(latency);
    }

    /// The most recent exchanges, oldest first; none unless [`SandboxOptions::record_exchanges`] was set.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.inner.exchanges()
    }

    /// Stops the server; when this returns, the port is free and every connection is closed.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
