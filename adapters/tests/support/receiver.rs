//! A receiver of webhooks: real HTTP, answers as told, remembers what it got.
#![allow(dead_code)] // Each test crate takes what it needs.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    /// Status, further headers, each with its line's end, and body.
    Full(u16, &'static str, String),
    /// Not at all.
    Hang,
}

/// What came.
#[derive(Debug, Clone)]
pub struct Request {
    pub head: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn event_type(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

#[derive(Clone)]
struct Shared {
    requests: Arc<Mutex<Vec<Request>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    usual: Arc<Mutex<Reply>>,
    connections: Arc<AtomicUsize>,
    held: Arc<watch::Sender<bool>>,
}

pub struct Receiver {
    pub address: SocketAddr,
    shared: Shared,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            requests: Arc::default(),
            replies: Arc::default(),
            usual: Arc::new(Mutex::new(Reply::Status(204))),
            connections: Arc::default(),
            held: Arc::new(watch::channel(false).0),
        };
        let task = tokio::spawn({
            let shared = shared.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, shared.clone()));
                }
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// These answers come first.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().unwrap().extend(replies);
    }

    /// All answers after those.
    pub fn usually(&self, reply: Reply) {
        *self.shared.usual.lock().unwrap() = reply;
    }

    /// Whether requests that came wait for their answer.
    pub fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The requests, once there are so many.
    pub async fn received(&self, count: usize) -> Vec<Request> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let requests = self.requests();
            if requests.len() >= count {
                return requests;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} requests came",
                requests.len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Shared) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await {
        let reply = shared.replies.lock().unwrap().pop_front();
        let reply = reply.unwrap_or_else(|| shared.usual.lock().unwrap().clone());
        shared.requests.lock().unwrap().push(request);
        let mut held = shared.held.subscribe();
        let _ = held.wait_for(|held| !held).await;
        let (status, headers, body) = match reply {
            Reply::Status(status) => (status, "", String::new()),
            Reply::Full(status, headers, body) => (status, headers, body),
            Reply::Hang => {
                // Until the other side is gone.
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, buffer).await?;
    };
    let text = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let (head, lines) = text.split_once("\r\n").unwrap();
    let headers: BTreeMap<String, String> = lines
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    while buffer.len() < end + 4 + length {
        more(stream, buffer).await?;
    }
    let body = buffer[end + 4..end + 4 + length].to_vec();
    buffer.drain(..end + 4 + length);
    Some(Request {
        head: head.to_owned(),
        headers,
        body,
        at: Instant::now(),
    })
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&chunk[..read]);
    Some(())
}

/// Checks a signature as a receiver does, by nothing but SHA-256: HMAC as RFC 2104 writes it.
pub fn verify(request: &Request, secret: &str) -> Result<(), String> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").ok_or("no secret")?)
        .map_err(|error| error.to_string())?;
    assert!(key.len() <= 64);
    let padded = |with: u8| -> Vec<u8> {
        (0..64)
            .map(|index| key.get(index).copied().unwrap_or(0) ^ with)
            .collect()
    };
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    let signed = [format!("{id}.{timestamp}.").as_bytes(), &request.body].concat();
    let inner = Sha256::digest([padded(0x36), signed].concat());
    let outer = Sha256::digest([padded(0x5c), inner.to_vec()].concat());
    let expected = format!("v1,{}", STANDARD.encode(outer));
    let given = request.header("webhook-signature");
    if given.split(' ').any(|one| one == expected) {
        Ok(())
    } else {
        Err(format!("{given} instead of {expected}"))
    }
}
