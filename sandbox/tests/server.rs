//! The server over real HTTP: faults, latency, state, recording.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use opstella_sandbox::{Fault, Reply, Request, Sandbox, SandboxOptions, SandboxTool};
use serde_json::{Value, json};

/// Counts what reaches it.
struct Counter(AtomicU64);

impl SandboxTool for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn handle(&self, request: &Request) -> Reply {
        let n = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        Reply::json(
            StatusCode::OK,
            &json!({"n": n, "path": request.path, "base": request.base_url}),
        )
    }

    fn state(&self) -> Value {
        json!({"requests": [self.0.load(Ordering::SeqCst)]})
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn start(record_exchanges: bool) -> Sandbox {
    let tools: Vec<Arc<dyn SandboxTool>> = vec![Arc::new(Counter(AtomicU64::new(0)))];
    Sandbox::start(SandboxOptions {
        record_exchanges,
        tools,
        keycloak: None,
        ..SandboxOptions::default()
    })
    .await
    .unwrap()
}

async fn status(sandbox: &Sandbox, path: &str) -> u16 {
    client()
        .get(format!("{}{path}", sandbox.tool_url("counter")))
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

fn seen(sandbox: &Sandbox) -> u64 {
    sandbox.state()["counter"]["requests"][0].as_u64().unwrap()
}

#[tokio::test]
async fn routes_by_first_segment_and_strips_it() {
    let sandbox = start(false).await;
    let url = format!("{}/a%2Fb/c?x=1", sandbox.tool_url("counter"));
    let answer: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["path"], "/a%2Fb/c");
    assert_eq!(answer["base"], sandbox.tool_url("counter"));
    let answer = client()
        .get(format!("{}/nothing/x", sandbox.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
    assert!(answer.text().await.unwrap().contains("counter"));
}

#[tokio::test]
async fn status_fault_hits_n_times_after_skipping() {
    let sandbox = start(false).await;
    sandbox
        .add_fault(
            Fault::on("counter")
                .path("/v1/**")
                .status(503)
                .times(2)
                .skip(1)
                .retry_after(7),
        )
        .unwrap();
    assert_eq!(status(&sandbox, "/v1/a/b").await, 200);
    assert_eq!(status(&sandbox, "/v2/a").await, 200);
    let hit = client()
        .get(format!("{}/v1/x", sandbox.tool_url("counter")))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            hit.status().as_u16(),
            hit.headers()["retry-after"].to_str().unwrap()
        ),
        (503, "7")
    );
    assert_eq!(status(&sandbox, "/v1/x").await, 503);
    assert_eq!(status(&sandbox, "/v1/x").await, 200);
    assert_eq!((sandbox.faults_hit(), seen(&sandbox)), (2, 3));
    sandbox.clear_faults();
    assert_eq!(sandbox.faults_hit(), 2);
}

#[tokio::test]
async fn method_and_single_segment_globs_are_kept_apart() {
    let sandbox = start(false).await;
    sandbox
        .add_fault(Fault::on("*").method("post").path("/v1/*").status(400))
        .unwrap();
    assert_eq!(status(&sandbox, "/v1/x").await, 200);
    let post = |path: &str| {
        client()
            .post(format!("{}{path}", sandbox.tool_url("counter")))
            .send()
    };
    assert_eq!(post("/v1/x").await.unwrap().status(), 400);
    assert_eq!(post("/v1/x%2Fy").await.unwrap().status(), 400);
    assert_eq!(post("/v1/x/y").await.unwrap().status(), 200);
}

#[tokio::test]
async fn dropped_before_leaves_the_work_undone_and_after_does_it() {
    let sandbox = start(false).await;
    let client = client();
    let url = sandbox.tool_url("counter");
    sandbox
        .add_fault(Fault::on("counter").drop_before().times(1))
        .unwrap();
    assert!(client.get(&url).send().await.is_err());
    assert_eq!(seen(&sandbox), 0);
    sandbox
        .add_fault(Fault::on("counter").drop_after().times(1))
        .unwrap();
    assert!(client.get(&url).send().await.is_err());
    assert_eq!(seen(&sandbox), 1);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn latency_of_the_sandbox_and_of_a_fault_add_up() {
    let sandbox = start(false).await;
    sandbox.set_latency(Duration::from_millis(40));
    sandbox
        .add_fault(Fault::on("counter").latency(Duration::from_millis(60)).times(1))
        .unwrap();
    let began = Instant::now();
    assert_eq!(status(&sandbox, "/").await, 200);
    assert!(
        began.elapsed() >= Duration::from_millis(100),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(seen(&sandbox), 1);
}

#[tokio::test]
async fn faults_over_http() {
    let sandbox = start(false).await;
    let client = client();
    let faults = format!("{}/_sandbox/faults", sandbox.url());
    let fault = json!({"tool": "counter", "status": 418, "body": "short and stout", "times": 1});
    let made = client.post(&faults).json(&fault).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let hit = client.get(sandbox.tool_url("counter")).send().await.unwrap();
    assert_eq!(
        (hit.status().as_u16(), hit.text().await.unwrap().as_str()),
        (418, "short and stout")
    );
    let list: Value = client.get(&faults).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["hits"], 1);
    assert_eq!(
        list["faults"][0],
        json!({"id": 1, "hits": 1, "tool": "counter", "status": 418, "body": "short and stout", "times": 1})
    );
    assert_eq!(client.delete(&faults).send().await.unwrap().status(), 204);
    assert!(sandbox.faults().is_empty());
    for (bad, why) in [
        (json!({"tool": "counter", "status": 500, "tims": 1}), "tims"),
        (json!({"tool": "counter"}), "latency_ms"),
        (json!({"tool": "gitlub", "status": 500}), "gitlub"),
        (json!({"tool": "counter", "status": 99}), "99"),
        (json!({"tool": "counter", "status": 500, "path": "/a[b"}), "glob"),
        (
            json!({"tool": "counter", "status": 500, "drop": "after"}),
            "exclude",
        ),
        (json!({"tool": "counter", "drop": "later"}), "later"),
        (
            json!({"tool": "counter", "status": 500, "method": "FETCH"}),
            "FETCH",
        ),
    ] {
        let refused = client.post(&faults).json(&bad).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{bad}");
        assert!(refused.text().await.unwrap().contains(why), "{bad}");
    }
}

#[tokio::test]
async fn state_health_and_the_sandboxs_own_refusals() {
    let sandbox = start(false).await;
    let get = async |path: &str| {
        let answer = client()
            .get(format!("{}/_sandbox{path}", sandbox.url()))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(
        get("/health").await,
        (200, json!({"status": "ok", "tools": ["counter"]}))
    );
    assert_eq!(get("/state").await, (200, json!({"counter": {"requests": [0]}})));
    assert_eq!(get("/nothing").await.0, 404);
    let put = client()
        .put(format!("{}/_sandbox/state", sandbox.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 405);
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let sandbox = start(false).await;
    let post = |size| {
        client()
            .post(sandbox.tool_url("counter"))
            .body(vec![b'x'; size])
            .send()
    };
    assert_eq!(post(4 * 1024 * 1024).await.unwrap().status(), 200);
    // The server answers while the client still writes: the client may see the answer or the closed connection.
    if let Ok(answer) = post(4 * 1024 * 1024 + 1).await {
        assert_eq!(answer.status(), 413);
    }
    assert_eq!(seen(&sandbox), 1);
}

#[tokio::test]
async fn records_exchanges_only_where_asked() {
    let sandbox = start(true).await;
    let request = client().request(
        Method::PUT,
        format!("{}/thing?a=b%20c", sandbox.tool_url("counter")),
    );
    request.json(&json!({"k": 1})).send().await.unwrap();
    let exchanges = sandbox.exchanges();
    assert_eq!(exchanges.len(), 1);
    let one = &exchanges[0];
    assert_eq!(
        (one.tool.as_str(), one.method.as_str(), one.path.as_str()),
        ("counter", "PUT", "/thing")
    );
    assert_eq!(one.query, [("a".to_owned(), "b c".to_owned())]);
    assert_eq!(&one.request_body[..], br#"{"k":1}"#);
    assert_eq!(one.status, 200);
    let silent = start(false).await;
    status(&silent, "/").await;
    assert!(silent.exchanges().is_empty());
}

#[tokio::test]
async fn shutdown_frees_the_port() {
    let sandbox = start(false).await;
    let url = sandbox.tool_url("counter");
    let port = url::Url::parse(&url).unwrap().port().unwrap();
    assert_eq!(status(&sandbox, "/").await, 200);
    let taken = Sandbox::start(SandboxOptions {
        port,
        ..SandboxOptions::default()
    })
    .await;
    assert!(taken.err().unwrap().to_string().contains("choose another port"));
    sandbox.shutdown().await;
    assert!(client().get(&url).send().await.is_err());
    let again = Sandbox::start(SandboxOptions {
        port,
        ..SandboxOptions::default()
    })
    .await
    .unwrap();
    assert!(again.url().ends_with(&port.to_string()));
}

#[tokio::test]
async fn two_tools_of_one_name_are_refused() {
    let tools: Vec<Arc<dyn SandboxTool>> = vec![
        Arc::new(Counter(AtomicU64::new(0))),
        Arc::new(Counter(AtomicU64::new(0))),
    ];
    let refused = Sandbox::start(SandboxOptions {
        tools,
        ..SandboxOptions::default()
    })
    .await;
    assert!(refused.err().unwrap().to_string().contains("counter"));
}
