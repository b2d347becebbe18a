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
