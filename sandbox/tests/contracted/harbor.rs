use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opstella_sandbox::contract::Vendor;
use opstella_sandbox::{Harbor, SandboxTool};
use serde_json::{Value, json};

use crate::client::Client;

fn basic(user: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")))
}

fn harbor() -> Client<Harbor> {
    Client::new(
        Harbor::new("admin", "pw"),
        Vendor::Harbor,
        "authorization",
        &basic("admin", "pw"),
    )
}

fn project(harbor: &Client<Harbor>, name: &str) -> i64 {
    let body = json!({ "project_name": name, "metadata": { "public": "false", "auto_scan": "true" } });
    let answer = harbor.post("/api/v2.0/projects", body).is(201);
    let location = answer.header("location");
    assert!(location.starts_with("/api/v2.0/projects/"), "{location}");
    location.rsplit('/').next().unwrap().parse().unwrap()
}

fn robot(project: &str, name: &str) -> Value {
    json!({ "name": name, "level": "project", "duration": -1, "description": "ci", "disable": false,
            "permissions": [{ "kind": "project", "namespace": project,
                              "access": [{ "resource": "repository", "action": "pull" },
                                         { "resource": "repository", "action": "push" }] }] })
}

#[test]
fn credentials_are_checked() {
    let h = harbor();
    let wrong = basic("admin", "nope");
    h.with(
        &[("authorization", &wrong)],
        "GET",
        "/api/v2.0/projects",
        Value::Null,
    )
    .is(401);
    let answer = h.with(
        &[("authorization", "")],
        "POST",
        "/api/v2.0/projects",
        json!({ "project_name": "a" }),
    );
    assert_eq!(answer.is(401).at("/errors/0/code"), "UNAUTHORIZED");
    let public = h
        .with(&[("authorization", "")], "GET", "/api/v2.0/projects", Value::Null)
        .is(200);
    assert_eq!(public.at("/0/name"), "library");
    h.with(&[("authorization", "")], "GET", "/api/v2.0/health", Value::Null)
        .is(200);
    let anonymous = h.with(
        &[("authorization", "")],
        "GET",
        "/api/v2.0/systeminfo",
        Value::Null,
    );
    assert!(anonymous.is(200).at("/harbor_version").is_null());
    assert!(
        h.get("/api/v2.0/systeminfo")
            .is(200)
            .at("/harbor_version")
            .is_string()
    );
    assert_eq!(h.get("/api/v2.0/users/current").is(200).at("/username"), "admin");
}

#[test]
fn projects_live_and_die() {
    let h = harbor();
    let id = project(&h, "payments");
    let taken = h
        .post("/api/v2.0/projects", json!({ "project_name": "payments" }))
        .is(409);
    assert_eq!(taken.at("/errors/0/code"), "CONFLICT");
    h.post("/api/v2.0/projects", json!({ "project_name": "Not_Good_" }))
        .is(400);
    h.with(
        &[],
        "HEAD",
        "/api/v2.0/projects?project_name=payments",
        Value::Null,
    )
    .is(200);
    h.with(&[], "HEAD", "/api/v2.0/projects?project_name=other", Value::Null)
        .is(404);
    let by_name = h.get("/api/v2.0/projects/payments").is(200);
    assert_eq!(by_name.at("/project_id"), id);
    assert_eq!(by_name.at("/metadata/auto_scan"), "true");
    assert_eq!(
        h.get(&format!("/api/v2.0/projects/{id}")).is(200).at("/name"),
        "payments"
    );
    let named = [("x-is-resource-name", "true")];
    h.with(&named, "GET", &format!("/api/v2.0/projects/{id}"), Value::Null)
        .is(404);
    h.call(
        "PUT",
        "/api/v2.0/projects/payments",
        json!({ "metadata": { "auto_scan": "false" } }),
    )
    .is(200);
    assert_eq!(
        h.get("/api/v2.0/projects/payments/metadatas/")
            .is(200)
            .at("/auto_scan"),
        "false"
    );
    assert_eq!(h.tool.state(), json!({ "projects": ["payments"] }));

    assert!(
        h.tool
            .push(
                "payments",
                "api/web",
                "1.0",
                &format!("sha256:{}", "a".repeat(64))
            )
            .is_some()
    );
    assert!(h.tool.push("nowhere", "api", "1.0", "sha256:b").is_none());
    assert_eq!(
        h.delete("/api/v2.0/projects/payments")
            .is(412)
            .at("/errors/0/code"),
        "PRECONDITION"
    );
    h.delete("/api/v2.0/projects/payments/repositories/api%252Fweb")
        .is(200);
    h.delete("/api/v2.0/projects/payments").is(200);
    h.delete("/api/v2.0/projects/payments").is(404);
    assert_eq!(
        h.get("/api/v2.0/projects/payments").is(404).at("/errors/0/code"),
        "NOT_FOUND"
    );
    assert_eq!(h.tool.state(), json!({}));
}

#[test]
fn lists_are_paged_and_filtered() {
    let h = harbor();
    for n in 0..25 {
        project(&h, &format!("team-{n:02}"));
    }
    let first = h
        .get("/api/v2.0/projects?page=1&page_size=10&q=name=~team")
        .is(200);
    assert_eq!(first.header("x-total-count"), "25");
    assert!(first.header("link").contains("page=2") && first.header("link").contains("rel=\"next\""));
    let last = h
        .get("/api/v2.0/projects?page=3&page_size=10&q=name=~team")
        .is(200);
    assert_eq!(last.body.as_array().unwrap().len(), 5);
    assert!(last.header("link").contains("rel=\"prev\"") && !last.header("link").contains("next"));
    assert_eq!(
        h.get("/api/v2.0/projects?q=name=team-07")
            .is(200)
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    h.get("/api/v2.0/projects?page_size=101").is(422);
}

#[test]
fn robots_get_their_secret_once() {
    let h = harbor();
    let id = project(&h, "payments");
    let made = h.post("/api/v2.0/robots", robot("payments", "ci")).is(201);
    assert_eq!(made.at("/name"), "robot$payments+ci");
    let secret = made.at("/secret").as_str().unwrap().to_owned();
    assert_eq!(
        h.post("/api/v2.0/robots", robot("payments", "ci"))
            .is(409)
            .at("/errors/0/code"),
        "CONFLICT"
    );
    h.post("/api/v2.0/robots", robot("nowhere", "ci")).is(404);
    h.post("/api/v2.0/robots", robot("payments", "Bad+Name")).is(400);
    let mut none = robot("payments", "none");
    none["permissions"] = json!([]);
    h.post("/api/v2.0/robots", none).is(400);

    let path = format!("/api/v2.0/robots?q=Level=project,ProjectID={id}");
    let listed = h.get(&path).is(200);
    assert_eq!(listed.at("/0/name"), "robot$payments+ci");
    assert!(listed.at("/0/secret").is_null());
    assert_eq!(h.get("/api/v2.0/robots").is(200).body, json!([]));
    h.get("/api/v2.0/robots?q=Level=project").is(400);

    let path = format!("/api/v2.0/robots/{}", made.at("/id"));
    let mut whole = h.get(&path).is(200).body;
    whole["description"] = json!("changed");
    h.call("PUT", &path, whole).is(200);
    assert_eq!(h.get(&path).is(200).at("/description"), "changed");

    // The robot may push and pull, and see nothing else.
    let own = basic("robot$payments+ci", &secret);
    h.with(
        &[("authorization", &own)],
        "GET",
        "/api/v2.0/projects/payments",
        Value::Null,
    )
    .is(403);
    let fresh = h.call("PATCH", &path, json!({ "secret": "" })).is(200);
    assert_ne!(fresh.at("/secret"), secret.as_str());
    h.with(
        &[("authorization", &own)],
        "GET",
        "/api/v2.0/projects/payments",
        Value::Null,
    )
    .is(401);
    h.call("PATCH", &path, json!({ "secret": "weak" })).is(400);
    assert_eq!(
        h.call("PATCH", &path, json!({ "secret": "Strong123" }))
            .is(200)
            .at("/secret"),
        ""
    );
    assert_eq!(h.tool.state()["robots"], json!(["robot$payments+ci"]));
    h.delete(&path).is(200);
    h.delete(&path).is(404);
}

#[test]
fn labels_and_retention_belong_to_a_project() {
    let h = harbor();
    let id = project(&h, "payments");
    let label = json!({ "name": "managed-by:opstella", "scope": "p", "project_id": id, "color": "#000000" });
    let made = h.post("/api/v2.0/labels", label.clone()).is(201);
    h.post("/api/v2.0/labels", label).is(409);
    h.post("/api/v2.0/labels", json!({ "name": "x", "scope": "z" }))
        .is(400);
    let listed = h
        .get(&format!("/api/v2.0/labels?scope=p&project_id={id}&name=managed"))
        .is(200);
    assert_eq!(listed.at("/0/project_id"), id);
    let path = made.header("location").to_owned();
    assert_eq!(h.get(&path).is(200).at("/name"), "managed-by:opstella");

    let rule = json!({ "action": "retain", "template": "latestPushedK", "params": { "latestPushedK": 10 },
                       "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": "**" }],
                       "scope_selectors": { "repository": [{ "kind": "doublestar",
                                            "decoration": "repoMatches", "pattern": "**" }] } });
    let policy = |rules: Vec<&Value>| {
        json!({ "algorithm": "or", "rules": rules, "scope": { "level": "project", "ref": id },
                "trigger": { "kind": "Schedule", "settings": { "cron": "0 0 0 * * *" } } })
    };
    let made = h.post("/api/v2.0/retentions", policy(vec![&rule])).is(201);
    let retention = made.header("location").rsplit('/').next().unwrap().to_owned();
    h.post("/api/v2.0/retentions", policy(vec![&rule])).is(400);
    h.post("/api/v2.0/retentions", policy(vec![&rule, &rule])).is(409);
    assert_eq!(
        h.get("/api/v2.0/projects/payments")
            .is(200)
            .at("/metadata/retention_id"),
        retention.as_str()
    );
    let path = format!("/api/v2.0/retentions/{retention}");
    assert_eq!(h.get(&path).is(200).at("/rules/0/template"), "latestPushedK");
    let executions = format!("{path}/executions");
    h.post(&executions, json!({ "dry_run": false })).is(201);
    h.call("PUT", &path, policy(vec![])).is(200);
    assert_eq!(
        h.tool.state()["retentions"],
        json!([format!("payments/{retention}")])
    );
    h.delete(&path).is(200);
    h.delete(&path).is(400);
    h.get(&path).is(404);
    assert!(
        h.get("/api/v2.0/projects/payments")
            .is(200)
            .at("/metadata/retention_id")
            .is_null()
    );
    h.delete("/api/v2.0/projects/payments").is(200);
    assert_eq!(h.tool.state(), json!({}));
}

#[test]
fn artifacts_are_found_by_digest_and_tag() {
    let h = harbor();
    project(&h, "payments");
    let digest = format!("sha256:{}", "a".repeat(64));
    let pushed = h.tool.push("payments", "checkout/api", "1.0.0", &digest).unwrap();
    assert_eq!(pushed.repository, "payments/checkout/api");
    let listed = h
        .get("/api/v2.0/projects/payments/repositories?q=name=~checkout")
        .is(200);
    assert_eq!(listed.at("/0/artifact_count"), 1);
    let base = "/api/v2.0/projects/payments/repositories/checkout%252Fapi/artifacts";
    assert_eq!(
        h.get(&format!("{base}?with_tag=true"))
            .is(200)
            .at("/0/tags/0/name"),
        "1.0.0"
    );
    let by_tag = h.get(&format!("{base}/1.0.0?with_scan_overview=true")).is(200);
    assert_eq!(by_tag.at("/digest"), digest.as_str());
    assert!(by_tag.at("/scan_overview").is_object());
    h.get(&format!("{base}/{digest}")).is(200);
    h.get(&format!("{base}/2.0.0")).is(404);
    h.post(&format!("{base}/{digest}/tags"), json!({ "name": "stable" }))
        .is(201);
    assert_eq!(
        h.get(&format!("{base}/{digest}/tags"))
            .is(200)
            .body
            .as_array()
            .unwrap()
            .len(),
        2
    );
    h.delete(&format!("{base}/{digest}/tags/stable")).is(200);
    h.post(&format!("{base}/{digest}/scan"), json!({})).is(202);
}
