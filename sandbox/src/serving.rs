//! Behind the port: connections, the way of a request to its tool, latency and faults in front of it.

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
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::fault_book::FaultBook;
use crate::recording::Recorder;
use crate::{DropWhen, Exchange, Reply, Request, SandboxTool, admin};

/// Largest request body that is taken.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// What the server's tasks share.
pub(crate) struct Inner {
    tools: Vec<Arc<dyn SandboxTool>>,
    pub(crate) faults: FaultBook,
    recorder: Recorder,
    latency_micros: AtomicU64,
    url: String,
}

impl Inner {
    pub(crate) fn new(tools: Vec<Arc<dyn SandboxTool>>, record_exchanges: bool, url: String) -> Self {
        Self {
            tools,
            faults: FaultBook::default(),
            recorder: Recorder::new(record_exchanges),
            latency_micros: AtomicU64::new(0),
            url,
        }
    }

    pub(crate) fn tools(&self) -> &[Arc<dyn SandboxTool>] {
        &self.tools
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.recorder.snapshot()
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.store(micros, Ordering::Relaxed);
    }

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

/// Accepts until `stop`; ends when every connection has ended.
pub(crate) async fn accept(listener: TcpListener, inner: Arc<Inner>, stop: CancellationToken) {
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
