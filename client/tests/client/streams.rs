//! `runs watch`, over lost connections.

use serde_json::{Value, json};

use crate::support::{Cli, Reply, Seen, Server};

const RUN: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";

fn event(position: &str, name: &str, what: Value) -> String {
    let data = json!({"position": position, "event_type": name, "payload": {name: what}});
    format!("id: {position}\nevent: {name}\ndata: {data}\n\n")
}

fn step(position: &str, name: &str, step: &str) -> String {
    event(
        position,
        name,
        json!({"step": step, "attempt": 1, "duration_ms": 12, "message": "refused"}),
    )
}

fn run(status: &str) -> Reply {
    Reply::json(
        200,
        json!({
            "id": RUN, "saga": "provision-service", "project": "payments", "service": "checkout", "status": status,
            "steps_total": 2, "steps_done": 2, "cause": null,
            "steps": [{"step": "gitlab.group", "tool": "gitlab", "phase": "succeeded", "attempt": 1, "duration_ms": 12}],
        }),
    )
}

/// Answers the run, which has ended once that was told, and the pieces of its stream by what was read last.
async fn streaming(pieces: &'static [(&'static str, &'static str)], ended: &'static str) -> Server {
    Server::start(move |_, seen: &Seen| {
        if seen.call != format!("GET /api/v1/runs/{RUN}/events") {
            let over = seen.call.contains("?after=");
            return run(if over { ended } else { "running" });
        }
        let last = seen.header("last-event-id");
        let Some((_, piece)) = pieces.iter().find(|(after, _)| *after == last) else {
            return Reply::problem(400, "invalid-parameter", &format!("nothing comes after `{last}`"));
        };
        let text = match *piece {
            "begin" => {
                // The second event is cut in the middle.
                let whole = step("1-1", "StepStarted", "gitlab.group")
                    + &step("1-2", "StepSucceeded", "gitlab.group");
                let cut = step("1-3", "StepStarted", "harbor.project");
                format!("retry: 20\n\n{whole}{}", &cut[..cut.len() / 2])
            }
            // Ids without data: of the greeting, of a heartbeat, and of one that is cut.
            "quiet" => "id: 0-9\nretry: 20\n\n: heartbeat\nid: 1-0\n\n: heartbeat\nid: 9-9\n".to_owned(),
            "go on" => {
                step("1-3", "StepStarted", "harbor.project")
                    + ": heartbeat\n\n"
                    + &step("1-4", "StepSucceeded", "harbor.project")
            }
            "succeed" => event("1-5", "RunSucceeded", json!({})),
            "fail" => step("1-3", "StepFailed", "harbor.project") + &event("1-5", "RunFailed", json!({})),
            "unavailable" => return Reply::problem(503, "unavailable", "in a moment"),
            other => panic!("{other}"),
        };
        Reply::events(text)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_followed_over_lost_connections() {
    let server = streaming(
        &[("", "begin"), ("1-2", "go on"), ("1-4", "succeed")],
        "succeeded",
    )
    .await;
    let ran = Cli::of(&server).run(&format!("runs watch {RUN} -o json")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["status"], "succeeded");
    for step in ["gitlab.group", "harbor.project"] {
        let told = ran
            .stderr
            .lines()
            .filter(|line| line.contains("done") && line.contains(step))
            .count();
        assert_eq!(told, 1, "{step}: {ran:?}");
    }
    let stream = format!("GET /api/v1/runs/{RUN}/events");
    let after: Vec<_> = server
        .calls(&stream)
        .iter()
        .map(|seen| seen.header("last-event-id").to_owned())
        .collect();
    assert_eq!(after, ["", "1-2", "1-4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_stream_is_gone_on_with_from_where_it_was() {
    let server = streaming(&[("", "quiet"), ("1-0", "succeed")], "succeeded").await;
    let ran = Cli::of(&server).run(&format!("runs watch {RUN} -o json")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let calls = server.calls(&format!("GET /api/v1/runs/{RUN}/events"));
    let after: Vec<_> = calls
        .iter()
        .map(|seen| seen.header("last-event-id").to_owned())
        .collect();
    assert_eq!(after, ["", "1-0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_has_its_own_exit_code() {
    let server = streaming(&[("", "begin"), ("1-2", "fail")], "failed").await;
    let ran = Cli::of(&server).run(&format!("runs watch {RUN}")).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("refused"), "{ran:?}");
    assert!(
        ran.stdout
            .contains("provision-service of payments/checkout: failed"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_is_quiet() {
    let server = streaming(
        &[("", "begin"), ("1-2", "go on"), ("1-4", "succeed")],
        "succeeded",
    )
    .await;
    let ran = Cli::of(&server).run(&format!("runs watch {RUN} --quiet")).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_end_in_time() {
    let server = streaming(&[("", "begin"), ("1-2", "unavailable")], "running").await;
    let ran = Cli::of(&server)
        .run(&format!("runs watch {RUN} --timeout 1s"))
        .await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("opstella runs watch {RUN}")),
        "{ran:?}"
    );
}
