use opstella_sandbox::contract::Vendor;
use opstella_sandbox::{ArgoCd, SandboxTool};
use serde_json::{Value, json};

use crate::client::Client;

fn argocd() -> Client<ArgoCd> {
    let tool = ArgoCd::new("t0ken").with_account("limited", "dev", &["other"]);
    Client::new(tool, Vendor::ArgoCd, "authorization", "Bearer t0ken")
}

fn project(name: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "app.kubernetes.io/managed-by": "opstella" } },
            "spec": { "description": "by opstella", "sourceRepos": ["https://git.example/payments/*"],
                      "destinations": [{ "server": "https://kubernetes.default.svc", "namespace": "payments-*" }] } })
}

fn application(name: &str, path: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "env": "dev" } },
            "spec": { "project": "payments",
                      "source": { "repoURL": "https://git.example/payments/api.git", "path": path,
                                  "targetRevision": "main" },
                      "destination": { "server": "https://kubernetes.default.svc", "namespace": "payments-dev" } } })
}

fn with_project() -> Client<ArgoCd> {
    let a = argocd();
    a.post("/api/v1/projects", json!({ "project": project("payments") }))
        .is(200);
    a
}

const APPS: &str = "/api/v1/applications";

#[test]
fn credentials_are_checked() {
    let a = argocd();
    let none = [("authorization", "")];
    let wrong = [("authorization", "Bearer nope")];
    assert!(
        a.with(&none, "GET", "/api/version", Value::Null)
            .is(200)
            .at("/Version")
            .is_string()
    );
    assert_eq!(
        a.with(&none, "GET", "/api/v1/session/userinfo", Value::Null)
            .is(200)
            .at("/loggedIn"),
        false
    );
    assert_eq!(a.get("/api/v1/session/userinfo").is(200).at("/username"), "admin");
    assert_eq!(a.with(&none, "GET", APPS, Value::Null).is(401).at("/code"), 16);
    a.with(&wrong, "GET", APPS, Value::Null).is(401);
}

#[test]
fn projects_live_and_die() {
    let a = with_project();
    a.post("/api/v1/projects", json!({ "project": project("payments") }))
        .is(200);
    let mut other = project("payments");
    other["spec"]["description"] = json!("changed");
    let differs = a.post("/api/v1/projects", json!({ "project": other })).is(400);
    assert!(
        differs
            .at("/message")
            .as_str()
            .unwrap()
            .starts_with("existing project spec is different")
    );
    a.post("/api/v1/projects", json!({ "project": other, "upsert": true }))
        .is(200);
    assert_eq!(
        a.get("/api/v1/projects/payments").is(200).at("/spec/description"),
        "changed"
    );
    let missing = a.get("/api/v1/projects/none").is(404);
    assert_eq!(
        missing.at("/message"),
        "appprojects.argoproj.io \"none\" not found"
    );
    assert_eq!(
        a.get("/api/v1/projects?name=payments")
            .is(200)
            .at("/items")
            .as_array()
            .unwrap()
            .len(),
        1
    );

    a.post(APPS, application("api-dev", "deploy/dev")).is(200);
    let refused = a.delete("/api/v1/projects/payments").is(400);
    assert_eq!(refused.at("/message"), "project is referenced by 1 applications");
    let mut narrow = a.get("/api/v1/projects/payments").is(200).body;
    narrow["spec"]["destinations"] = json!([]);
    a.call("PUT", "/api/v1/projects/payments", json!({ "project": narrow }))
        .is(400);
    assert_eq!(
        a.tool.state(),
        json!({ "projects": ["payments"], "applications": ["api-dev"] })
    );
    a.delete(&format!("{APPS}/api-dev?cascade=true&project=payments"))
        .is(200);
    a.delete("/api/v1/projects/payments").is(200);
    a.delete("/api/v1/projects/payments").is(404);
    a.delete("/api/v1/projects/default").is(400);
    assert_eq!(a.tool.state(), json!({}));
}

#[test]
fn applications_are_created_once() {
    let a = with_project();
    let made = a.post(APPS, application("api-dev", "deploy/dev")).is(200);
    assert_eq!(made.at("/status/sync/status"), "OutOfSync");
    a.post(APPS, application("api-dev", "deploy/dev")).is(200);
    let differs = a.post(APPS, application("api-dev", "deploy/sit")).is(400);
    assert_eq!(differs.at("/code"), 3);
    assert_eq!(
        differs.at("/message"),
        "existing application spec is different, use upsert flag to force update"
    );
    let upsert = a
        .post(
            &format!("{APPS}?upsert=true"),
            application("api-dev", "deploy/sit"),
        )
        .is(200);
    assert_eq!(upsert.at("/spec/source/path"), "deploy/sit");
    assert_eq!(upsert.at("/metadata/uid"), made.at("/metadata/uid"));

    let mut nowhere = application("x", "deploy/dev");
    nowhere["spec"]["project"] = json!("none");
    a.post(APPS, nowhere).is(400);
    let mut foreign = application("x", "deploy/dev");
    foreign["spec"]["source"]["repoURL"] = json!("https://elsewhere.example/a.git");
    assert!(
        a.post(APPS, foreign)
            .is(400)
            .at("/message")
            .as_str()
            .unwrap()
            .contains("not permitted")
    );
    let mut outside = application("x", "deploy/dev");
    outside["spec"]["destination"]["namespace"] = json!("kube-system");
    a.post(APPS, outside).is(400);
    a.post(APPS, application("Bad_Name", "deploy/dev")).is(400);

    let list = a
        .get(&format!("{APPS}?projects=payments&selector=env%3Ddev"))
        .is(200);
    assert_eq!(list.at("/items/0/metadata/name"), "api-dev");
    let parts = a
        .get(&format!(
            "{APPS}?fields=items.metadata.name,items.status.health,items.unknown"
        ))
        .is(200);
    let shown = json!({ "metadata": { "name": "api-dev" }, "status": { "health": list.at("/items/0/status/health") } });
    assert_eq!(parts.at("/items/0"), &shown);
    assert!(
        a.get(&format!("{APPS}?projects=other"))
            .is(200)
            .at("/items")
            .is_null()
    );
}

#[test]
fn a_missing_application_is_told_only_to_who_names_its_project() {
    let a = with_project();
    a.post(APPS, application("api-dev", "deploy/dev")).is(200);
    assert_eq!(
        a.get(&format!("{APPS}/none")).is(403).at("/message"),
        "permission denied"
    );
    let missing = a.get(&format!("{APPS}/none?project=payments")).is(404);
    assert_eq!(
        missing.at("/message"),
        "applications.argoproj.io \"none\" not found"
    );
    a.get(&format!("{APPS}/api-dev?project=other")).is(404);
    let limited = [("authorization", "Bearer limited")];
    for path in ["api-dev", "none", "none?project=payments"] {
        a.with(&limited, "GET", &format!("{APPS}/{path}"), Value::Null)
            .is(403);
    }
    a.with(&limited, "POST", APPS, application("b", "deploy/dev"))
        .is(403);
    assert!(
        a.with(&limited, "GET", APPS, Value::Null)
            .is(200)
            .at("/items")
            .is_null()
    );
}

#[test]
fn a_sync_makes_it_healthy() {
    let a = with_project();
    a.post(APPS, application("api-dev", "deploy/dev")).is(200);
    let path = format!("{APPS}/api-dev");
    let synced = a.post(&format!("{path}/sync"), json!({ "prune": true })).is(200);
    assert!(synced.at("/operation/sync").is_object());
    let now = a.get(&format!("{path}?refresh=normal")).is(200);
    assert!(now.at("/operation").is_null());
    assert_eq!(now.at("/status/sync/status"), "Synced");
    assert_eq!(now.at("/status/health/status"), "Healthy");
    assert_eq!(now.at("/status/operationState/phase"), "Succeeded");
    assert!(a.tool.set_health("api-dev", "Degraded"));
    assert!(!a.tool.set_health("none", "Degraded"));
    assert_eq!(a.get(&path).is(200).at("/status/health/status"), "Degraded");

    let mut changed = a.get(&path).is(200).body;
    changed["spec"]["source"]["targetRevision"] = json!("v2");
    assert_eq!(
        a.call("PUT", &path, changed.clone())
            .is(200)
            .at("/status/sync/status"),
        "OutOfSync"
    );
    assert_eq!(a.call("PUT", &path, changed).is(409).at("/code"), 10);
    a.post(&format!("{path}/sync"), json!({})).is(200);
    assert_eq!(
        a.get(&path)
            .is(200)
            .at("/status/history")
            .as_array()
            .unwrap()
            .len(),
        2
    );
    a.post(&format!("{path}/rollback"), json!({ "id": 0 })).is(200);
    a.post(&format!("{path}/rollback"), json!({ "id": 9 })).is(400);

    let automated = json!({ "spec": { "syncPolicy": { "automated": { "prune": true } } } });
    let patch = json!({ "patch": automated.to_string(), "patchType": "merge" });
    assert_eq!(
        a.call("PATCH", &path, patch).is(200).at("/status/sync/status"),
        "Synced"
    );
    assert_eq!(
        a.post(&format!("{path}/rollback"), json!({ "id": 0 }))
            .is(400)
            .at("/code"),
        9
    );
    a.post(&format!("{path}/sync"), json!({ "revision": "other" }))
        .is(400);
    let steps = json!([{ "op": "replace", "path": "/spec/source/targetRevision", "value": "v3" }]);
    let patch = json!({ "patch": steps.to_string(), "patchType": "json" });
    assert_eq!(
        a.call("PATCH", &path, patch)
            .is(200)
            .at("/spec/source/targetRevision"),
        "v3"
    );
    a.delete(&path).is(200);
    a.delete(&path).is(403);
}
