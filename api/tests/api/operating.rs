//! The binary's commands for who operates Opstella, on the database of a running server, and their documentation.

use std::collections::BTreeSet;
use std::path::Path;

use opstella_api::config;
use opstella_domain::Tool;
use serde_json::Value;

use crate::config::variable;
use crate::resources::ended;
use crate::support::process::{printed, run};
use crate::support::{Server, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_read_models_work() {
    let server = Server::start().await;
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    let database = &server.database;
    let table = printed(database, &["projections", "status"]);
    let json: Value = serde_json::from_str(&printed(database, &["projections", "status", "--json"])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 8);
    for name in [
        "catalog",
        "runs",
        "resources",
        "releases",
        "promotions",
        "delivery",
        "audit",
    ] {
        assert!(table.contains(name), "{table}");
        let status = json
            .as_array()
            .unwrap()
            .iter()
            .find(|status| status["name"] == name);
        assert!(status.is_some(), "{name}: {json:#}");
        let rebuilt = printed(database, &["projections", "rebuild", name]);
        assert!(rebuilt.starts_with(&format!("{name} is rebuilt: ")), "{rebuilt}");
    }
    // The server goes on with the new builds.
    let service = server
        .get("/projects/payments/services/checkout")
        .await
        .expect(200);
    assert_eq!(service.body["lifecycle"], "active");
    let body = serde_json::json!({"slug": "later", "name": "x"});
    let later = server.post("/projects", body).await.expect(201);
    let position = later.header("x-opstella-position");
    server
        .get(&format!("/projects/later?after={position}"))
        .await
        .expect(200);
    for arguments in [
        ["projections", "rebuild", "nope"],
        ["projections", "resume", "nope"],
    ] {
        let refused = run(database, &arguments);
        assert!(!refused.status.success());
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains("nope"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_runs_work() {
    let server = Server::start().await;
    let database = &server.database;
    server.tools.refuse_credential(Tool::Harbor);
    let made = server.with_service().await;
    let link = made.body["run"].as_str().unwrap().to_owned();
    let stuck = eventually("the run to be stuck", async || {
        let run = server.follow(&link).await.body;
        (run["status"] == "stuck").then_some(run)
    })
    .await;
    let (id, step) = (stuck["id"].as_str().unwrap(), stuck["stuck_on"].as_str().unwrap());
    for (arguments, there) in [
        (vec!["runs", "list"], true),
        (vec!["runs", "list", "--status", "stuck", "--limit", "5"], true),
        (vec!["runs", "list", "--status", "succeeded"], false),
    ] {
        let text = printed(database, &arguments);
        assert_eq!(text.contains(id), there, "{arguments:?}: {text}");
    }
    let shown = printed(database, &["runs", "show", id]);
    assert!(shown.contains("payments/checkout: stuck"), "{shown}");
    assert!(shown.contains(step), "{shown}");
    let json: Value = serde_json::from_str(&printed(database, &["runs", "show", id, "--json"])).unwrap();
    assert_eq!(json["stuck_on"], step);
    // Refused: 3; an argument that cannot be: 2.
    let nobody = "0190f7a0-0000-7000-8000-000000000000";
    for (arguments, code) in [
        (vec!["runs", "show", nobody], 3),
        (vec!["runs", "cancel", nobody, "--reason", "x"], 3),
        (vec!["runs", "retry", id, "no.such/step"], 3),
        (vec!["runs", "retry", id, "Not A Step"], 2),
        (vec!["runs", "cancel", id], 2),
        (vec!["runs", "show", "x"], 2),
        (vec!["runs", "list", "--status", "odd"], 2),
    ] {
        let refused = run(database, &arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {refused:?}");
        assert!(refused.stdout.is_empty(), "{arguments:?}: {refused:?}");
    }
    server.tools.mend(Tool::Harbor);
    let done = printed(database, &["runs", "retry", id, step]);
    assert!(done.starts_with("done; "), "{done}");
    ended(&server, &link, "succeeded").await;
    let refused = run(database, &["runs", "cancel", id, "--reason", "late"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let events = eventually("the audit log", async || {
        let events = server
            .get("/events?event_type=StepRetryRequested")
            .await
            .expect(200)
            .body;
        (events["items"].as_array().unwrap().len() == 1).then_some(events)
    })
    .await;
    let actor = events["items"][0].to_string();
    assert!(actor.contains("\"cli:"), "{actor}");
    server.stop().await;
}

#[test]
fn the_documentation_has_every_key_and_no_other() {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let text = std::fs::read_to_string(text).unwrap();
    let mut documented = BTreeSet::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, key, name, _, _, _] = cells.as_slice() else {
            continue;
        };
        if name.starts_with("`OPSTELLA_") {
            let key = key.trim_matches('`');
            assert_eq!(name.trim_matches('`'), variable(key));
            documented.insert(key.to_owned());
        }
    }
    assert_eq!(documented, config::all_keys().into_iter().collect());
}
