//! Machines of CI are limited to their projects.

use opstella_sandbox::credentials;
use serde_json::json;

use super::{get, member, post, shown};
use crate::support::{Server, checkout};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_reads_its_project_and_nothing_else() {
    let server = Server::start().await;
    server.furnish().await;
    let other = json!({"slug": "ledger", "name": "Ledger"});
    server.post("/projects", other).await.expect(201);
    let client = credentials::KEYCLOAK_CI_CLIENT;
    let ci = server.keycloak().issue_for_client(client).unwrap();
    let subject = server.keycloak().subject_of(&format!("service-account-{client}"));
    // Being made a member elsewhere does not widen it.
    for project in ["payments", "ledger"] {
        let path = format!("/projects/{project}/members");
        let granted = server
            .post(&path, member(&subject, "developer"))
            .await
            .expect(200);
        shown(&server, &granted).await;
    }
    get(&server, &ci, "/projects/payments").await.expect(200);
    get(&server, &ci, "/projects/payments/services").await.expect(200);
    get(&server, &ci, "/projects/ledger")
        .await
        .problem(404, "not-found");
    post(&server, &ci, "/projects/payments/services", checkout())
        .await
        .problem(403, "forbidden");
    post(&server, &ci, "/projects", json!({"slug": "more", "name": "x"}))
        .await
        .problem(403, "forbidden");
    get(&server, &ci, "/templates").await.problem(403, "forbidden");
    let projects = get(&server, &ci, "/projects").await.expect(200);
    let slugs: Vec<_> = projects.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["slug"])
        .collect();
    assert_eq!(slugs, ["payments"]);
    let events = get(&server, &ci, "/events?limit=200").await.expect(200);
    let events = events.body["items"].as_array().unwrap();
    assert!(!events.is_empty() && events.iter().all(|event| event["project"] == "payments"));
    server.stop().await;
}

/// Without a `ci` group a machine is what its roles and groups say, but never a person.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_never_taken_for_a_person() {
    let server = Server::start().await;
    let made = server.with_service().await;
    crate::resources::ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    let machine = |groups: serde_json::Value| {
        server.keycloak().issue(json!({
            "sub": "robot", "client_id": "robot", "preferred_username": "service-account-robot", "groups": groups,
        }))
    };
    let robot = machine(json!([]));
    post(&server, &robot, "/projects", json!({"slug": "more", "name": "x"}))
        .await
        .problem(403, "forbidden");
    get(&server, &robot, "/templates").await.problem(403, "forbidden");
    // Nobody sees by a member's `sub` that it is a machine: it has nothing of that.
    let granted = server
        .post("/projects/payments/members", member("robot", "tester"))
        .await;
    shown(&server, &granted.expect(200)).await;
    get(&server, &robot, "/projects/payments")
        .await
        .problem(404, "not-found");
    // Who hands out groups may give it a role; it still has no say.
    let robot = machine(json!(["project:payments:owner", "opstella/security"]));
    get(&server, &robot, "/projects/payments").await.expect(200);
    let path = "/projects/payments/services/checkout";
    let promotion = format!("{path}/promotions/019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11");
    for (path, body) in [
        (format!("{promotion}/approve"), json!({})),
        (format!("{promotion}/reject"), json!({"reason": "x"})),
        (
            format!("{path}/releases/1.0.0/waivers"),
            json!({"gate": "quality-gate", "reason": "x", "expires_at": "2026-12-24T00:00:00Z"}),
        ),
    ] {
        let refused = post(&server, &robot, &path, body).await.problem(403, "forbidden");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("person"), "{detail}");
    }
    server.stop().await;
}

/// A client may leave the scope out that its name comes with.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_a_name_is_one_all_the_same() {
    let server = Server::start().await;
    let nameless = server.keycloak().issue(json!({
        "sub": "2a9c2f3e-1111-4222-8333-444455556666", "azp": "robot", "client_id": "robot", "preferred_username": null,
    }));
    post(
        &server,
        &nameless,
        "/projects",
        json!({"slug": "more", "name": "x"}),
    )
    .await
    .problem(403, "forbidden");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_makes_a_project_names_who_answers_for_it() {
    let server = Server::start().await;
    let robot = server.keycloak().issue(json!({
        "sub": "robot", "client_id": "robot", "preferred_username": "service-account-robot",
        "realm_access": {"roles": ["platform-admin"]},
    }));
    let mut project = json!({"slug": "more", "name": "x"});
    post(&server, &robot, "/projects", project.clone())
        .await
        .problem(422, "invalid-field")
        .field("owner", "machine");
    let owner = server.keycloak().subject_of("alice");
    project["owner"] = json!(owner);
    let made = post(&server, &robot, "/projects", project).await.expect(201);
    shown(&server, &made).await;
    let alice = server.keycloak().issue_for("alice").unwrap();
    let members = get(&server, &alice, "/projects/more/members").await.expect(200);
    assert_eq!(
        members.body["items"].as_array().unwrap().len(),
        1,
        "{:#}",
        members.body
    );
    assert_eq!(
        members.body["items"][0]["subject"],
        json!(owner),
        "{:#}",
        members.body
    );
    server.stop().await;
}

/// It wrote nothing: taken for the author, it would let everybody who did approve.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_names_who_wrote_a_release() {
    let server = Server::start().await;
    let made = server.with_service().await;
    crate::resources::ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    let client = credentials::KEYCLOAK_CI_CLIENT;
    let ci = server.keycloak().issue_for_client(client).unwrap();
    let path = "/projects/payments/services/checkout/releases";
    let image = json!({
        "name": "api", "digest": format!("sha256:{}", "1".repeat(64)), "commit": "1".repeat(40),
    });
    let mut release = json!({"version": "1.0.0", "components": [image]});
    let refused = post(&server, &ci, path, release.clone()).await;
    refused
        .problem(422, "invalid-field")
        .field("author", "GITLAB_USER_LOGIN");
    release["authors"] = json!(["grace", "dora"]);
    let made = post(&server, &ci, path, release).await.expect(201);
    let path = format!("{path}/1.0.0?after={}", made.body["position"].as_str().unwrap());
    let release = server.get(&path).await.expect(200);
    assert_eq!(release.body["authors"], json!(["dora", "grace"]));
    server.stop().await;
}
