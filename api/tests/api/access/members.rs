//! Members come and go, and what they may do with them.

use reqwest::Method;
use serde_json::json;

use super::{ask, get, member, post, shown, stranger};
use crate::support::{Server, checkout};

const MEMBERS: &str = "/projects/payments/members";

#[tokio::test(flavor = "multi_thread")]
async fn roles_count_at_once_and_end_at_once() {
    let server = Server::start().await;
    server.furnish().await;
    let zoe = stranger(&server, "zoe");
    get(&server, &zoe, "/projects/payments")
        .await
        .problem(404, "not-found");
    let granted = server.post(MEMBERS, member("zoe", "viewer")).await.expect(200);
    assert_eq!(granted.body["resource"], format!("/api/v1{MEMBERS}"));
    assert_eq!(granted.header("etag"), "\"2\"");
    // The same again changes nothing.
    let again = server.post(MEMBERS, member("zoe", "viewer")).await.expect(200);
    assert_eq!(again.header("etag"), "\"2\"");
    let after = granted.body["position"].as_str().unwrap();
    get(&server, &zoe, &format!("/projects/payments?after={after}"))
        .await
        .expect(200);
    let list = get(&server, &zoe, &format!("/projects?after={after}"))
        .await
        .expect(200);
    assert_eq!(list.body["items"][0]["slug"], "payments");
    assert_eq!(list.body["items"][0]["version"], 2);
    let dry = "/projects/payments/services?dry_run=true";
    post(&server, &zoe, dry, checkout())
        .await
        .problem(403, "forbidden");

    server.post(MEMBERS, member("zoe", "developer")).await.expect(200);
    post(&server, &zoe, dry, checkout()).await.expect(200);
    post(&server, &zoe, MEMBERS, member("zoe", "owner"))
        .await
        .problem(403, "forbidden");

    let revoke = async |role: &str| {
        let body = Some(member("zoe", role));
        let answer = ask(&server, &server.token, Method::DELETE, MEMBERS, body).await;
        answer.expect(200)
    };
    revoke("viewer").await;
    let last = revoke("developer").await;
    get(&server, &zoe, "/projects/payments")
        .await
        .problem(404, "not-found");
    shown(&server, &last).await;
    let list = get(&server, &zoe, "/projects").await.expect(200);
    assert_eq!(list.body["items"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_keep_their_project_and_the_last_one_stays() {
    let server = Server::start().await;
    let zoe = stranger(&server, "zoe");
    post(
        &server,
        &zoe,
        "/projects",
        json!({"slug": "payments", "name": "x"}),
    )
    .await
    .expect(201);
    let revoke = async |who: &str, role: &str| {
        ask(&server, &zoe, Method::DELETE, MEMBERS, Some(member(who, role))).await
    };
    let refused = revoke("zoe", "owner").await.problem(409, "wrong-state");
    assert_eq!(refused.body["state"], "owned by zoe alone");
    assert_eq!(refused.body["accepts"], json!(["GrantRole"]));
    revoke("yan", "viewer").await.problem(404, "not-found");
    let granted = post(&server, &zoe, MEMBERS, member("yan", "owner"))
        .await
        .expect(200);
    shown(&server, &granted).await;
    revoke("zoe", "owner").await.expect(200);
    revoke("yan", "owner").await.problem(404, "not-found");
    let yan = stranger(&server, "yan");
    get(&server, &yan, "/projects/payments").await.expect(200);

    // What is wrong in a body is named.
    for (body, field) in [
        (json!({"member": "x"}), "role"),
        (json!({"member": "x", "role": "platform-admin"}), "role"),
        (json!({"member": "", "role": "viewer"}), "member"),
        (json!({"member": "x", "role": "viewer", "more": 1}), "more"),
    ] {
        let answer = post(&server, &yan, MEMBERS, body.clone()).await;
        let answer = answer.problem(422, "invalid-field");
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
    }
    server
        .get("/projects/none/members")
        .await
        .problem(404, "not-found");
    server
        .post("/projects/none/members", member("x", "viewer"))
        .await
        .problem(404, "not-found");
    server.stop().await;
}
