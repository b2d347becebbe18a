//! `opstella demo --once`, as the README has people run it.

use std::process::Output;

use opstella_devservers::postgres::test_database;
use serde_json::{Value, json};

use crate::support::process::opstella;

const TOOLS: [&str; 6] = ["gitlab", "harbor", "vault", "sonarqube", "kubernetes", "argocd"];

/// Runs the demo on a database of its own; its text, and the JSON of its last line.
async fn demo(arguments: &[&str]) -> (Output, String, Value) {
    let database = test_database().await.unwrap();
    let mut command = opstella(&database, &["demo", "--once"]);
    command
        .args(arguments)
        .env("OPSTELLA_DEMO_DATABASE_URL", &database.url);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let last = text.lines().last().unwrap_or_default();
    let line = serde_json::from_str(last).unwrap_or_else(|error| {
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("{error}: {last}\n{errors}")
    });
    (output, text, line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_made_and_its_release_goes_to_production() {
    let (output, text, line) = demo(&[]).await;
    assert!(output.status.success(), "{text}");
    assert_eq!(line["service"], "active");
    assert_eq!(line["left_behind"], 0);
    assert_eq!(line["promoted"], json!(["DEV", "SIT", "UAT", "PRE", "PRD"]));
    assert_eq!((&line["refused"], &line["rolled_back"]), (&json!(1), &json!(1)));
    let mut tools: Vec<_> = line["tools"].as_array().unwrap().clone();
    tools.sort_by_key(Value::to_string);
    let mut all = TOOLS;
    all.sort_unstable();
    assert_eq!(json!(tools), json!(all));
    for words in ["CVE-", "To open it", "rolled-back"] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_tool_fails_nothing_is_left() {
    for tool in TOOLS {
        let (output, text, line) = demo(&["--fail", tool]).await;
        assert!(output.status.success(), "{tool}: {text}");
        assert_eq!(line["service"], "failed", "{tool}");
        assert_eq!(line["left_behind"], 0, "{tool}: {text}");
        assert_eq!(line["promoted"], Value::Null, "{tool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_tools_are_waited_for_side_by_side() {
    let (output, text, line) = demo(&["--tool-latency", "100"]).await;
    let milliseconds = |field: &str| line[field].as_f64().unwrap();
    let (run, path) = (milliseconds("run_ms"), milliseconds("critical_path_ms"));
    // How near the two are is for a quiet machine to say; one after the other it would be many times as long.
    assert!(run < 3.0 * path, "{run} ms, and {path} ms on the critical path");
    assert_eq!(output.status.success(), run <= 1.2 * path, "{text}");
}
