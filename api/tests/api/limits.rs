//! What is too large, too long, too often or too slow gets a problem document, and stores nothing.

use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::{Body, Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Server};

const MIB: usize = 1 << 20;

/// How many events there are, but for the sign-in of whoever asks first. The journal's head lags where another test has a
/// transaction open.
pub async fn stored(server: &Server) -> i64 {
    let pool = server.serving.as_ref().unwrap().state().journal.pool().clone();
    sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type <> 'SignedIn'")
        .fetch_one(&pool)
        .await
        .unwrap()
}

/// A body of that many bytes that asks for a project with far too long a name.
fn body_of(bytes: usize) -> String {
    let empty = json!({"slug": "a", "name": ""}).to_string().len();
    json!({"slug": "a", "name": "x".repeat(bytes - empty)}).to_string()
}

async fn send(server: &Server, body: impl Into<Body>) -> Answer {
    let request = server
        .request(Method::POST, "/projects")
        .header("Content-Type", "application/json")
        .body(body);
    Answer::of(request.send().await.unwrap()).await
}

/// Sends raw bytes, and reads until the server closes: what comes before a body, an impatient client sees as well.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.base.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    tokio::time::timeout(Duration::from_secs(15), read)
        .await
        .expect("the server closes the connection")
        .unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_at_most_a_mebibyte() {
    let server = Server::start().await;
    let before = stored(&server).await;
    send(&server, body_of(MIB))
        .await
        .problem(422, "invalid-field")
        .field("name", "1 to 100");
    send(&server, body_of(MIB + 1))
        .await
        .problem(413, "too-large")
        .field("body", "at most 1048576 bytes");
    // Without a length, in chunks.
    for (bytes, status, kind) in [(MIB, 422, "invalid-field"), (MIB + 1, 413, "too-large")] {
        let text = body_of(bytes).into_bytes();
        let chunks: Vec<_> = text.chunks(64 * 1024).map(<[u8]>::to_vec).collect();
        let stream = futures::stream::iter(chunks).map(Ok::<_, std::io::Error>);
        send(&server, Body::wrap_stream(stream))
            .await
            .problem(status, kind);
    }
    // Nobody waits for a body that is announced to be too large.
    let head_only = format!(
        "POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n",
        server.token
    );
    let answer = raw(&server, head_only.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("urn:opstella:problem:too-large"), "{answer}");
    // The limit is configured, and what is refused has not been stored.
    assert_eq!(before, stored(&server).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_have_limits() {
    let server = Server::start().await;
    let before = stored(&server).await;
    let long = "x".repeat(5000);
    for path in [
        format!("/projects/{long}"),
        format!("/projects?cursor={long}"),
        format!("//{long}"),
    ] {
        let answer = server.get(&path).await.problem(414, "path-too-long");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("at most 4096"), "{detail}");
        answer.field("path", "at most 4096 bytes");
    }
    let request = server
        .request(Method::POST, "/projects")
        .header("X-Long", "x".repeat(17_000))
        .json(&json!({"slug": "a", "name": "x"}));
    let answer = Answer::of(request.send().await.unwrap()).await;
    let answer = answer.problem(431, "headers-too-large");
    assert!(answer.body["detail"].as_str().unwrap().contains("at most 16384"));
    answer.field("headers", "at most 16384 bytes");
    // What the HTTP library itself gives up on gets a plain refusal.
    for head in [
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000)),
        "NONSENSE\r\n\r\n".to_owned(),
    ] {
        let answer = raw(&server, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(before, stored(&server).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_at_most_200_entries() {
    let server = Server::start().await;
    for list in ["/projects", "/runs", "/templates", "/tools", "/events"] {
        let answer = server.get(&format!("{list}?limit=201")).await;
        answer
            .problem(400, "invalid-parameter")
            .field("limit", "a number from 1 to 200");
        server.get(&format!("{list}?limit=200")).await.expect(200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_asks_too_often_has_to_wait() {
    let server = Server::start_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.burst = 3;
    })
    .await;
    let before = stored(&server).await;
    let mut refused = None;
    // A slow machine may take so long for three requests that a fourth is due.
    for _ in 0..20 {
        let answer = server.post("/projects", json!({"slug": "a"})).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
        answer.problem(422, "invalid-field");
    }
    let refused = refused.unwrap().problem(429, "rate-limited");
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.body["hint"].as_str().unwrap().contains("event stream"));
    assert_eq!(before, stored(&server).await);
    // Others are not concerned, nor is what takes no token.
    let bob = server.keycloak().issue_for("bob").unwrap();
    let request = server.http.get(format!("{}/api/v1/projects", server.base));
    let answer = request.bearer_auth(bob).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    server.get("//healthz").await.expect(200);
    // And the one that was told to wait is served after it.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.get("/projects").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_ended() {
    let server = Server::start_with(|config| config.limits.request_timeout_seconds = 1).await;
    let before = stored(&server).await;
    let started = Instant::now();
    let answer = server.get("/projects?after=999999999999-1").await;
    let answer = answer.problem(504, "timeout");
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    assert!(answer.body["hint"].as_str().unwrap().contains("Idempotency-Key"));
    // A client that never ends its body does not hold the connection for ever.
    let head_only = format!(
        "POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"slug\"",
        server.token
    );
    let answer = raw(&server, head_only.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert_eq!(before, stored(&server).await);
    server.stop().await;
}
