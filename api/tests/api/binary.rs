//! The real binary: killed in the middle of a run, and told to stop.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::process::Process;

/// Looks at the run until it is as wanted.
async fn until(process: &Process, link: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        // At first the read model may be a moment behind.
        let run = process.send(Method::GET, link, None).await;
        if run.status == 200 && wanted(&run.body) {
            return run.body;
        }
        assert!(Instant::now() < deadline, "not in time: {run:?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Everything in the tools, each resource as often as it is there; without the ports and the run's id.
fn resources(process: &Process, link: &str) -> Vec<String> {
    let run = link.rsplit('/').next().unwrap();
    let sandbox = process.sandbox.url();
    let state = process.sandbox.state();
    let mut all = Vec::new();
    for (tool, kinds) in state.as_object().unwrap() {
        for (kind, names) in kinds.as_object().unwrap() {
            // People sign in again as their tokens are asked for.
            if tool == "keycloak" {
                continue;
            }
            for name in names.as_array().unwrap() {
                let name = name
                    .to_string()
                    .replace(sandbox, "")
                    .replace(&process.base, "")
                    .replace(run, "RUN");
                // Harbor numbers its retention rules in the order in which they were made.
                let name = match kind.as_str() {
                    "retentions" => name.split('/').next().unwrap_or_default().to_owned(),
                    _ => name,
                };
                all.push(format!("{tool} {kind} {name}"));
            }
        }
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_goes_on_where_it_was_and_makes_nothing_twice() {
    let (mut smooth, mut killed) = tokio::join!(Process::prepare(), Process::prepare());
    tokio::join!(smooth.start(), killed.start());
    let empty = resources(&killed, "-");
    // Steps take so long that some are always under way.
    killed.sandbox.set_latency(Duration::from_millis(60));
    let (link, other) = tokio::join!(killed.ask_for_service(), smooth.ask_for_service());
    let mut at_most = 0;
    for share in [3, 2] {
        let run = until(&killed, &link, |run| {
            let (done, total) = (
                run["steps_done"].as_u64().unwrap(),
                run["steps_total"].as_u64().unwrap(),
            );
            done > at_most && (done >= total / share || share == 3 && done >= 3)
        })
        .await;
        assert_eq!(run["status"], "running", "killed too late");
        at_most = run["steps_done"].as_u64().unwrap();
        killed.kill();
        killed.start().await;
        let again = killed.get(&link).await;
        assert!(again["steps_done"].as_u64().unwrap() >= at_most, "{again:#}");
    }
    killed.sandbox.set_latency(Duration::ZERO);
    for (process, link) in [(&killed, &link), (&smooth, &other)] {
        let run = until(process, link, |run| run["finished_at"].is_string()).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
        assert_eq!(run["steps_done"], run["steps_total"]);
        let position = process.send(Method::GET, link, None).await;
        assert_eq!(position.expect(200).body["id"], run["id"]);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let service = process.get("/api/v1/projects/payments/services/checkout").await;
            if service["lifecycle"] == "active" {
                break;
            }
            assert!(Instant::now() < deadline, "{service:#}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
    // Each resource is there once, and all that an undisturbed process makes.
    let made = resources(&killed, &link);
    let distinct: BTreeSet<&String> = made.iter().collect();
    assert_eq!(distinct.len(), made.len(), "there twice: {made:#?}");
    assert!(made.len() > empty.len() + 20, "{made:#?}");
    assert_eq!(made, resources(&smooth, &other));
    // No process logged a secret.
    for secret in [
        opstella_sandbox::credentials::GITLAB_TOKEN,
        opstella_sandbox::credentials::HARBOR_PASSWORD,
        opstella_sandbox::credentials::VAULT_TOKEN,
    ] {
        assert!(!killed.log().contains(secret), "{secret} was logged");
    }
    assert!(smooth.terminate(Duration::from_secs(30)).await.success());
    assert!(killed.terminate(Duration::from_secs(30)).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_stop_ends_cleanly() {
    let mut process = Process::prepare().await;
    process.start().await;
    process.sandbox.set_latency(Duration::from_millis(100));
    let link = process.ask_for_service().await;
    until(&process, &link, |run| run["steps_done"].as_u64() >= Some(2)).await;
    // A stream is open, which would last until the run has ended.
    let token = process.sandbox.keycloak().unwrap().issue_for("root").unwrap();
    let stream = process.http.get(format!("{}{link}/events", process.base));
    let stream = stream.bearer_auth(token).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let mut stream = stream.bytes_stream();
    stream.next().await.unwrap().unwrap();
    // The grace is 25 s; nothing here needs it all.
    let status = process.terminate(Duration::from_secs(25)).await;
    assert_eq!(status.code(), Some(0), "{status:?}");
    while let Some(chunk) = stream.next().await {
        chunk.unwrap();
    }
    let log = process.log();
    let log: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = log.last().unwrap();
    assert_eq!(last["message"], "stopped", "{last:#}");
    // Nothing was lost by it.
    process.sandbox.set_latency(Duration::ZERO);
    process.start().await;
    let run = until(&process, &link, |run| run["finished_at"].is_string()).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
}
