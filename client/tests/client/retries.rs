//! Which failures are tried again, and under which key.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Cli, Reply, Server};

const CREATE: &str = "projects create web";

fn created() -> Reply {
    Reply::json(
        201,
        json!({"resource": "/api/v1/projects/web", "version": 1, "position": "1-2"}),
    )
}

fn keys(server: &Server) -> BTreeSet<String> {
    let keys: BTreeSet<String> = server
        .calls("POST")
        .iter()
        .map(|seen| seen.header("idempotency-key").to_owned())
        .collect();
    assert!(!keys.contains(""), "{keys:?}");
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_sent_again_under_the_same_key() {
    let server = Server::start(|_, seen| match seen.before {
        0 => Reply::problem(503, "unavailable", "the database is away"),
        1 => Reply::problem(504, "outcome-unknown", "it may have been stored"),
        2 => Reply::problem(409, "conflict", "others were faster"),
        _ => created(),
    })
    .await;
    let ran = Cli::of(&server).run(CREATE).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert_eq!(server.calls("POST").len(), 4);
    assert_eq!(keys(&server).len(), 1, "one key for all tries");
    let bodies: BTreeSet<_> = server.calls("POST").iter().map(|seen| seen.text()).collect();
    assert_eq!(bodies.len(), 1, "the same body each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_command_has_another_key_unless_it_is_given() {
    let server = Server::start(|_, _| created()).await;
    let cli = Cli::of(&server);
    cli.run(CREATE).await;
    cli.run(CREATE).await;
    assert_eq!(keys(&server).len(), 2);
    cli.run(&format!("{CREATE} --idempotency-key job-17")).await;
    assert!(keys(&server).contains("job-17"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_how_long_to_wait() {
    let server = Server::start(|_, seen| match seen.before {
        0 => Reply::problem(429, "rate-limited", "too many").header("retry-after", "2"),
        _ => Reply::json(200, json!({"items": []})),
    })
    .await;
    let begin = Instant::now();
    let ran = Cli::of(&server).run("projects list").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(ran.stdout.contains("you are in no project"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_tried_again() {
    for (status, slug) in [
        (409, "name-taken"),
        (422, "invalid-field"),
        (403, "forbidden"),
        (412, "version-mismatch"),
    ] {
        let server = Server::start(move |_, _| Reply::problem(status, slug, "no")).await;
        let ran = Cli::of(&server).run(CREATE).await;
        assert_eq!((ran.code, server.seen().len()), (3, 1), "{slug}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_with_an_unknown_outcome_can_be_repeated() {
    let server =
        Server::start(|_, _| Reply::problem(504, "outcome-unknown", "it may have been stored")).await;
    let ran = Cli::of(&server).run(CREATE).await;
    assert_eq!((ran.code, server.seen().len()), (4, 5), "{ran:?}");
    let key = keys(&server).pop_first().unwrap();
    assert!(
        ran.stderr.contains(&format!("--idempotency-key {key}")),
        "{ran:?}"
    );
}
