//! The HTTP server: one port, one path prefix a tool, latency and faults in front of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::faults::FaultBook;
use crate::recording::Recorder;
use crate::{
    DropWhen, Exchange, Fault, FaultError, FaultReport, Keycloak, Reply, Request, SandboxTool, admin, tools,
};

/// Largest request body that is taken.
pub const BODY_LIMIT: usize = 4 * 1024 * 1024;

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

/// What the server's tasks share.
pub(crate) struct Inner {
    tools: Vec<Arc<dyn SandboxTool>>,
    pub(crate) faults: FaultBook,
    recorder: Recorder,
    latency_micros: AtomicU64,
    url: String,
}

impl Inner {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.tools.iter().map(|t| t.name()).collect()
    }

    pub(crate) fn state(&self) -> Value {
        Value::Object(
            self.tools
                .iter()
                .map(|t| (t.name().to_owned(), t.state()))
                .collect::<Map<_, _>>(),
        )
    }
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
        let inner = Arc::new(Inner {
            tools,
            faults: FaultBook::default(),
            recorder: Recorder::new(record_exchanges),
            latency_micros: AtomicU64::new(0),
            url: format!("http://{address}"),
        });
        for tool in &inner.tools {
            tool.started(&format!("{}/{}", inner.url, tool.name()));
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
        &self.inner.url
    }

    /// `http://127.0.0.1:PORT/TOOL`.
    pub fn tool_url(&self, tool: &str) -> String {
        format!("{}/{tool}", self.inner.url)
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
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.inner.latency_micros.store(micros, Ordering::Relaxed);
    }

    /// The most recent exchanges, oldest first; none unless [`SandboxOptions::record_exchanges`] was set.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.inner.recorder.snapshot()
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

/// Accepts until `stop`; ends when every connection has ended.
async fn accept(listener: TcpListener, inner: Arc<Inner>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, inner.clone(), stop.clone()));
            }
            Err(error) => {
                // Out of file handles, most likely: they come back when other connections end.
                tracing::warn!(%error, "the sandbox could not accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, inner: Arc<Inner>, stop: CancellationToken) {
    // Answers are small: without this, Nagle's algorithm adds up to 40 ms to some of them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let inner = inner.clone();
        async move { answer(&inner, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to the sandbox ended early");
            }
        }
    }
}

/// The connection is to be dropped without an answer: hyper does so when the service fails.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped by a fault")]
struct Dropped;

async fn answer(
    inner: &Inner,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let (prefix, path) = split_prefix(head.uri.path());
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        let limit = format!("the body could not be read, or is over {BODY_LIMIT} bytes");
        return Ok(respond(admin::refuse(StatusCode::PAYLOAD_TOO_LARGE, &limit)));
    };
    let query = head.uri.query().unwrap_or_default();
    let request = Request {
        method: head.method,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: head.headers,
        body: body.to_bytes(),
        base_url: format!("{}/{prefix}", inner.url),
    };
    if prefix == "_sandbox" {
        return Ok(respond(admin::handle(inner, &request)));
    }
    let Some(tool) = inner.tools.iter().find(|t| t.name() == prefix) else {
        let known = format!(
            "no tool `{prefix}` here: the first path segment is one of {}",
            inner.names().join(", ")
        );
        return Ok(respond(admin::refuse(StatusCode::NOT_FOUND, &known)));
    };
    wait(Duration::from_micros(
        inner.latency_micros.load(Ordering::Relaxed),
    ))
    .await;
    let fault = inner.faults.strike(prefix, &request);
    if let Some(fault) = &fault {
        wait(Duration::from_millis(fault.latency_ms.unwrap_or(0))).await;
        if fault.drop == Some(DropWhen::Before) {
            return Err(Dropped);
        }
        if let Some(reply) = fault.reply() {
            return Ok(respond(reply));
        }
    }
    let reply = tool.handle(&request);
    inner.recorder.record(prefix, &request, &reply);
    if fault.is_some_and(|f| f.drop == Some(DropWhen::After)) {
        return Err(Dropped);
    }
    Ok(respond(reply))
}

async fn wait(latency: Duration) {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}

/// `/gitlab/api/v4` becomes `gitlab` and `/api/v4`.
fn split_prefix(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.find('/') {
        Some(at) => path.split_at(at),
        None => (path, "/"),
    }
}

fn respond(reply: Reply) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
