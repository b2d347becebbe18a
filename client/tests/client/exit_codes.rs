//! Exit codes, as scripts rely on them.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Cli, Ran, Reply, Server};

const ID: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
const PROMOTE: &str = "promote payments/checkout 1.4.0 --to UAT --wait -o json";

fn promotion(state: &str) -> Value {
    let (state, run) = match state {
        "stuck" => ("deploying", Some("stuck")),
        state => (state, None),
    };
    json!({
        "run_status": run,
        "id": ID, "project": "payments", "service": "checkout", "environment": "UAT", "kind": "promote",
        "release": "1.4.0", "state": state, "explanation": ["an approval by a tester is missing"],
        "gates": [{"gate": "approvals", "verdict": "waiting", "reason": "0 of 1", "remedy": "a tester approves",
            "evidence": []}],
        "approvals": [], "requester": "alice", "run": null,
    })
}

/// A server whose promotion is in each of these states in turn, the last one for ever.
async fn with_states(states: &'static [&'static str]) -> Server {
    Server::start(move |_, seen| {
        let path = "/api/v1/projects/payments/services/checkout/promotions";
        if seen.call == format!("POST {path}:to-uat") {
            let answer = json!({"resource": format!("{path}/{ID}"), "version": 1, "position": "7-8"});
            return Reply::json(202, answer);
        }
        // The first look waits for what the command did; the others are the same call.
        let looks = if seen.call.ends_with("?after=7-8") {
            0
        } else {
            seen.before + 1
        };
        Reply::json(200, promotion(states[looks.min(states.len() - 1)]))
    })
    .await
}

async fn promoted(states: &'static [&'static str], timeout: &str) -> Ran {
    let server = with_states(states).await;
    let ran = Cli::of(&server)
        .run(&format!("{PROMOTE} --timeout {timeout}"))
        .await;
    assert_eq!(
        ran.json()["promotion"]["state"],
        *states.last().unwrap(),
        "{ran:?}"
    );
    let asked = server.calls("POST").pop().unwrap().json();
    assert_eq!(asked, json!({"release": "1.4.0"}));
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_promotion_ends_as_the_promotion_does() {
    let ended: [(&'static [&'static str], i32); 5] = [
        (&["queued", "waiting", "completed"], 0),
        (&["waiting", "rejected"], 1),
        (&["deploying", "rolled-back"], 1),
        (&["cancelled"], 1),
        (&["deploying", "failed"], 1),
    ];
    for (states, code) in ended {
        assert_eq!(promoted(states, "60s").await.code, code, "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_that_waits_for_an_operator_is_not_waited_for() {
    let server = with_states(&["deploying", "stuck"]).await;
    let ran = Cli::of(&server).run(&format!("{PROMOTE} --timeout 60s")).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.json()["promotion"]["run_status"], "stuck");
    assert!(
        ran.stderr.contains("an approval by a tester is missing"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_that_is_not_over_in_time() {
    let left: [(&'static [&'static str], i32); 4] = [
        (&["blocked"], 5),
        (&["waiting"], 5),
        (&["queued"], 5),
        (&["deploying"], 4),
    ];
    for (states, code) in left {
        let ran = promoted(states, "1s").await;
        assert_eq!(ran.code, code, "{states:?}");
        assert!(
            ran.stderr.contains("opstella promotions show payments/checkout/"),
            "{ran:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_wait_a_promotion_that_was_asked_for_is_done() {
    let server = with_states(&["blocked"]).await;
    let ran = Cli::of(&server)
        .run("promote payments/checkout 1.4.0 --to UAT")
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.contains("an approval by a tester is missing"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_asks_nobody() {
    let server = Server::start(|_, _| Reply::json(200, json!({}))).await;
    let cli = Cli::of(&server);
    for line in [
        "promote checkout 1.4.0 --to UAT",
        "promote payments/checkout 1.4.0 --to QA",
        "releases register payments/checkout 1.0 --image api=sha256:12 --commit 1",
        "services create payments/checkout",
        "approve 17",
        "waivers grant payments/checkout 1.0 --gate x --reason y",
        "projects list --server nowhere",
    ] {
        assert_eq!(cli.run(line).await.code, 2, "{line}");
    }
    assert!(server.seen().is_empty(), "{:?}", server.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_or_a_login_nothing_is_sent() {
    let ran = Cli::bare().run("projects list").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("opstella login"), "{ran:?}");
    // CI sets variables that it has no value for to nothing.
    let empty = Cli::bare()
        .with("OPSTELLA_API_URL", "http://127.0.0.1:1")
        .with("OPSTELLA_TOKEN", "");
    assert_eq!(empty.run("projects list").await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let cli = Cli::bare()
        .with("OPSTELLA_API_URL", &url)
        .with("OPSTELLA_TOKEN", "t");
    let ran = cli.run("projects list -o json").await;
    assert_eq!(
        (ran.code, ran.json()["error"]["exit_code"].clone()),
        (4, json!(4)),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_there_who_never_answers() {
    // Connections are taken by the system, and nobody reads them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cli = Cli::bare()
        .with("OPSTELLA_API_URL", &url)
        .with("OPSTELLA_TOKEN", "t");
    let ran = cli.run("projects list --request-timeout 1s").await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.stderr.contains("--request-timeout"), "{ran:?}");
}
