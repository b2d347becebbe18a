//! An HTTP server on a free port that answers as a test wants and remembers what it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `POST /api/v1/projects?limit=1`.
    pub call: String,
    /// By lower-case name.
    pub headers: HashMap<String, String>,
    /// Its body.
    pub body: Bytes,
    /// How many with the same call came before.
    pub before: usize,
}

impl Seen {
    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The same; null where there is none.
    pub fn sent(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }
}

/// An answer.
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    /// A problem document.
    pub fn problem(status: u16, slug: &str, detail: &str) -> Self {
        let body = json!({
            "type": format!("urn:opstella:problem:{slug}"), "title": slug, "status": status, "detail": detail,
            "hint": "do this then",
        });
        Self::json(status, body)
    }

    /// A piece of a stream of events; the connection ends after it.
    pub fn events(text: impl Into<String>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "text/event-stream".to_owned())],
            body: text.into(),
        }
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The server; it ends with this.
pub struct Server {
    /// Where it is.
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server that answers like this. It is told its own address.
    pub async fn start(answer: impl Fn(&str, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let (own, kept) = (url.clone(), seen.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (own, kept, answer) = (own.clone(), kept.clone(), answer.clone());
                let service = service_fn(move |request| {
                    let (own, kept, answer) = (own.clone(), kept.clone(), answer.clone());
                    async move {
                        let seen = remember(&kept, request).await;
                        Ok::<_, Infallible>(respond(answer(&own, &seen)))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, seen, task }
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What it was asked so far with calls that start like this.
    pub fn calls(&self, start: &str) -> Vec<Seen> {
        self.seen()
            .into_iter()
            .filter(|seen| seen.call.starts_with(start))
            .collect()
    }
}

async fn remember(kept: &Mutex<Vec<Seen>>, request: Request<Incoming>) -> Seen {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path_and_query().unwrap().as_str();
    let call = format!("{} {path}", head.method);
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let mut all = kept.lock().unwrap();
    let before = all.iter().filter(|seen| seen.call == call).count();
    let seen = Seen {
        call,
        headers,
        body,
        before,
    };
    all.push(seen.clone());
    seen
}

fn respond(reply: Reply) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::from(reply.body)).unwrap()
}
