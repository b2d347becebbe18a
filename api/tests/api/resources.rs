//! Every resource, the way it is meant to be used.

use serde_json::json;

use crate::support::{PATIENCE, Server, checkout, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn projects_are_made_and_read() {
    let server = Server::start().await;
    let body = json!({"slug": "payments", "name": "Payments", "description": "Money"});
    let made = server.post("/projects", body.clone()).await.expect(201);
    assert_eq!(made.header("location"), "/api/v1/projects/payments");
    assert_eq!(made.body["resource"], "/api/v1/projects/payments");
    assert_eq!(made.header("etag"), "\"1\"");
    let position = made.header("x-opstella-position").to_owned();
    assert_eq!(made.body["position"], position);

    let read = server
        .get(&format!("/projects/payments?after={position}"))
        .await
        .expect(200);
    assert_eq!(read.body["name"], "Payments");
    assert_eq!(read.header("etag"), "\"1\"");
    let list = server.get("/projects").await.expect(200);
    assert_eq!(list.body["items"][0]["slug"], "payments");
    assert!(list.body.get("next").is_none());

    let taken = server.post("/projects", body).await.problem(409, "name-taken");
    assert_eq!(taken.body["existing"], "/api/v1/projects/payments");
    server.get("/projects/other").await.problem(404, "not-found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_registered_and_read() {
    let server = Server::start().await;
    let path = "/templates/small-service/versions/1.0.0";
    let body =
        json!({"description": "Small", "files": {"README.md": "hello", "src/main.rs": "fn main() {}"}});
    let made = server.put(path, body.clone()).await.expect(200);
    assert_eq!(made.body["resource"], format!("/api/v1{path}"));
    // The same again changes nothing.
    let again = server.put(path, body).await.expect(200);
    assert_eq!(again.body["version"], 1);
    let other = json!({"description": "Small", "files": {"README.md": "other"}});
    let taken = server.put(path, other).await.problem(409, "name-taken");
    assert_eq!(taken.body["existing"], format!("/api/v1{path}"));

    let version = server.get(path).await.expect(200);
    assert_eq!(version.body["files"]["README.md"], "hello");
    let after = made.header("x-opstella-position");
    let template = server
        .get(&format!("/templates/small-service?after={after}"))
        .await
        .expect(200);
    assert_eq!(template.body["latest"], "1.0.0");
    let list = server.get("/templates").await.expect(200);
    let names = list.body["items"].as_array().unwrap().iter();
    assert!(names.into_iter().any(|t| t["name"] == "small-service"));
    server
        .get("/templates/small-service/versions/2.0.0")
        .await
        .problem(404, "not-found");
    server.get("/templates/none").await.problem(404, "not-found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_connected_and_asked() {
    let server = Server::start().await;
    let body = json!({"url": "https://gitlab.example.com/", "credential": "gitlab", "settings": {}});
    let made = server.put("/tools/gitlab/main", body.clone()).await.expect(200);
    server.put("/tools/gitlab/main", body).await.expect(200);
    let after = made.header("x-opstella-position");
    let read = server
        .get(&format!("/tools/gitlab/main?after={after}"))
        .await
        .expect(200);
    assert_eq!(read.body["url"], "https://gitlab.example.com");
    assert_eq!(read.header("etag"), "\"1\"");
    let list = server.get("/tools").await.expect(200);
    assert_eq!(list.body["items"][0]["tool"], "gitlab");

    let health = server.get("/tools/gitlab/main/health").await.expect(200);
    assert_eq!(health.body["reachable"], true);
    assert_eq!(health.body["version"], "1.2.3");
    assert_eq!(health.body["circuit"], "closed");
    server.tools.refuse_credential(opstella_domain::Tool::GitLab);
    let health = server.get("/tools/gitlab/main/health").await.expect(200);
    assert_eq!(health.body["reachable"], false);
    assert!(health.body["message"].as_str().unwrap().contains("credential"));
    server.get("/tools/gitlab/other").await.problem(404, "not-found");
    server
        .get("/tools/harbor/main/health")
        .await
        .problem(404, "not-found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_planned_made_changed_and_removed() {
    let server = Server::start().await;
    server.furnish().await;
    let services = "/projects/payments/services";
    let plan = server
        .post(&format!("{services}?dry_run=true"), checkout())
        .await
        .expect(200);
    assert!(plan.body["steps"].as_array().unwrap().len() > 10);
    assert!(plan.body["critical_path"].as_u64().unwrap() > 1);
    server
        .get(&format!("{services}/checkout"))
        .await
        .problem(404, "not-found");

    let made = server.post(services, checkout()).await.expect(202);
    assert_eq!(made.header("location"), made.body["run"].as_str().unwrap());
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    let service = server.get(&format!("{services}/checkout")).await.expect(200);
    assert_eq!(service.body["lifecycle"], "active");
    assert_eq!(service.body["components"][0]["name"], "api");
    assert!(!service.header("etag").is_empty());
    let list = server
        .get(&format!("{services}?lifecycle=active"))
        .await
        .expect(200);
    assert_eq!(list.body["items"][0]["name"], "checkout");
    let taken = server.post(services, checkout()).await.problem(409, "name-taken");
    assert_eq!(
        taken.body["existing"],
        "/api/v1/projects/payments/services/checkout"
    );

    let worker = json!({"name": "worker", "template": "http-service", "version": "1.0.0"});
    let one = format!("{services}/checkout");
    let added = server
        .post(&format!("{one}/components"), worker)
        .await
        .expect(202);
    ended(&server, added.body["run"].as_str().unwrap(), "succeeded").await;
    let sit = json!({"environment": "SIT"});
    let added = server.post(&format!("{one}/environments"), sit).await.expect(202);
    ended(&server, added.body["run"].as_str().unwrap(), "succeeded").await;
    let reason = json!({"reason": "replaced"});
    let gone = server
        .post(&format!("{one}/decommission"), reason)
        .await
        .expect(202);
    ended(&server, gone.body["run"].as_str().unwrap(), "succeeded").await;
    let refused = server
        .post(&format!("{one}/decommission"), json!({"reason": "again"}))
        .await
        .problem(409, "wrong-state");
    assert_eq!(refused.body["state"], "decommissioned");
    assert_eq!(refused.body["accepts"], json!(["CreateService"]));

    let runs = server
        .get("/runs?project=payments&service=checkout")
        .await
        .expect(200);
    assert_eq!(runs.body["items"].as_array().unwrap().len(), 4);
    let events = server.get("/events?command=CreateService").await.expect(200);
    let position = events.body["items"][0]["position"].as_str().unwrap();
    let event = server.get(&format!("/events/{position}")).await.expect(200);
    assert!(event.body["payload"].is_object());
    server.get("/events/1-999999999").await.problem(404, "not-found");
    server.stop().await;
}

/// Waits until the read model shows the end of a run.
pub async fn ended(server: &Server, run: &str, status: &str) {
    let run = eventually("the end of the run", async || {
        let run = server.follow(run).await;
        (run.status == 200 && run.body["finished_at"].is_string()).then_some(run)
    })
    .await;
    assert_eq!(run.body["status"], status, "{:#}", run.body);
    // The other read models are at that place as well.
    let state = server.serving.as_ref().unwrap().state();
    let head = state.journal.head().await.unwrap();
    let models = ["catalog", "runs", "resources", "audit"];
    state.projections.wait_for(&models, head, PATIENCE).await.unwrap();
}
