//! What somebody may not know of is as if it were not there.

use reqwest::Method;
use serde_json::{Value, json};

use super::{get, member, post, shown, stranger, token};
use crate::resources::ended;
use crate::support::sse::Events;
use crate::support::{Answer, Server, checkout};

/// A problem without what differs from request to request.
fn told(answer: Answer, name: &str) -> Value {
    let mut body = answer.problem(404, "not-found").body;
    body.as_object_mut().unwrap().remove("request_id");
    serde_json::from_str(&body.to_string().replace(name, "X")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_of_others_cannot_be_told_from_one_that_is_not_there() {
    let server = Server::start().await;
    let made = server.with_service().await;
    let run = made.body["run"].as_str().unwrap().to_owned();
    ended(&server, &run, "succeeded").await;
    let judy = token(&server, "judy");
    for path in ["", "/services", "/services/checkout", "/members"] {
        let there = get(&server, &judy, &format!("/projects/payments{path}")).await;
        let not_there = get(&server, &judy, &format!("/projects/nothing{path}")).await;
        assert_eq!(told(there, "payments"), told(not_there, "nothing"), "{path}");
    }
    for (path, body) in [
        ("/services", checkout()),
        ("/services?dry_run=true", checkout()),
        ("/services", json!({})),
        ("/services/checkout/decommission", json!({"reason": "x"})),
        ("/members", member("judy", "owner")),
    ] {
        let there = post(&server, &judy, &format!("/projects/payments{path}"), body.clone()).await;
        let not_there = post(&server, &judy, &format!("/projects/nothing{path}"), body).await;
        assert_eq!(told(there, "payments"), told(not_there, "nothing"), "{path}");
    }
    let id = run.rsplit('/').next().unwrap();
    let nothing = "0190f7a0-0000-7000-8000-000000000000";
    for path in ["", "/events"] {
        let there = get(&server, &judy, &format!("/runs/{id}{path}")).await;
        let not_there = get(&server, &judy, &format!("/runs/{nothing}{path}")).await;
        assert_eq!(told(there, id), told(not_there, nothing), "{path}");
    }
    for query in ["", "&service=checkout"] {
        let there = get(&server, &judy, &format!("/delivery?project=payments{query}")).await;
        let not_there = get(&server, &judy, &format!("/delivery?project=nothing{query}")).await;
        assert_eq!(told(there, "payments"), told(not_there, "nothing"), "{query}");
    }
    let frank = token(&server, "frank");
    get(&server, &frank, "/delivery?project=payments")
        .await
        .expect(200);
    // Who may see it all is told of what there is not, rather than weeks of nothing.
    let root = server.token.clone();
    for query in ["", "&service=checkout"] {
        let path = format!("/delivery?project=nothing{query}");
        get(&server, &root, &path).await.problem(404, "not-found");
    }
    get(&server, &frank, "/delivery?project=payments&service=nothing")
        .await
        .problem(404, "not-found");
    get(&server, &root, "/delivery?project=payments&service=checkout")
        .await
        .expect(200);
    let reason = json!({"reason": "x"});
    let there = post(&server, &judy, &format!("/runs/{id}/cancel"), reason.clone()).await;
    let not_there = post(&server, &judy, &format!("/runs/{nothing}/cancel"), reason).await;
    assert_eq!(told(there, id), told(not_there, nothing));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_streams_tell_of_ones_own_projects_only() {
    let mut server = Server::start().await;
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    let judy = token(&server, "judy");
    for path in [
        "/projects",
        "/runs",
        "/runs?project=payments",
        "/events",
        "/events?project=payments",
    ] {
        let list = get(&server, &judy, path).await.expect(200);
        assert_eq!(list.body["items"], json!([]), "{path}");
    }
    let all = server.get("/events?limit=200").await.expect(200);
    for event in all.body["items"].as_array().unwrap() {
        let path = format!("/events/{}", event["position"].as_str().unwrap());
        get(&server, &judy, &path).await.problem(404, "not-found");
    }

    let own = json!({"slug": "mine", "name": "Mine"});
    let made = post(&server, &judy, "/projects", own).await.expect(201);
    shown(&server, &made).await;
    let projects = get(&server, &judy, "/projects").await.expect(200);
    assert_eq!(projects.body["items"].as_array().unwrap().len(), 1);
    let events = get(&server, &judy, "/events").await.expect(200);
    assert_eq!(events.body["items"].as_array().unwrap().len(), 1);
    let position = made.body["position"].as_str().unwrap();
    get(&server, &judy, &format!("/events/{position}"))
        .await
        .expect(200);

    // From the very first event on, and live.
    let root = std::mem::replace(&mut server.token, judy);
    let mut stream = Events::open(&server, "/events/stream", Some("0-0")).await;
    let (id, kind, _) = stream.event().await.unwrap();
    assert_eq!((id.as_str(), kind.as_str()), (position, "ProjectCreated"));
    server.token = root;
    server
        .post("/projects", json!({"slug": "hidden", "name": "x"}))
        .await
        .expect(201);
    let judys = server.keycloak().subject_of("judy");
    server
        .post("/projects/payments/members", member(&judys, "viewer"))
        .await
        .expect(200);
    server
        .post("/projects/mine/members", member("bob", "viewer"))
        .await
        .expect(200);
    // What she was let into while reading is told, too.
    for aggregate in ["payments", "mine"] {
        let (_, kind, data) = stream.event().await.unwrap();
        assert_eq!(
            (kind.as_str(), &data["aggregate_id"]),
            ("RoleGranted", &json!(aggregate))
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_is_taken_says_no_more() {
    let server = Server::start().await;
    server.furnish().await;
    let body = json!({"slug": "payments", "name": "Mine"});
    let taken = post(&server, &token(&server, "judy"), "/projects", body.clone()).await;
    let taken = taken.problem(409, "name-taken");
    assert_eq!(taken.body.get("existing"), None, "{:#}", taken.body);
    assert_eq!(taken.header("link"), "");
    assert!(!taken.body["hint"].as_str().unwrap().contains("existing"));
    let taken = post(&server, &token(&server, "frank"), "/projects", body).await;
    let taken = taken.problem(409, "name-taken");
    assert_eq!(taken.body["existing"], "/api/v1/projects/payments");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_notifications_go_is_told_to_those_who_answer_for_the_project() {
    let mut server = Server::start().await;
    server.furnish().await;
    let chat =
        json!({"name": "chat", "url": "https://chat.example.com/hook/secret", "events": ["Project.*"]});
    let made = server
        .post("/subscriptions?project=payments", chat)
        .await
        .expect(201);
    shown(&server, &made).await;
    let position = made.body["position"].as_str().unwrap();
    let (path, one) = (
        "/events?aggregate_type=Subscription",
        format!("/events/{position}"),
    );
    for (user, told) in [("frank", 0), ("grace", 0), ("alice", 1), ("erin", 1)] {
        let token = token(&server, user);
        let list = get(&server, &token, path).await.expect(200);
        assert_eq!(list.body["items"].as_array().unwrap().len(), told, "{user}");
        let event = get(&server, &token, &one).await;
        if told == 1 {
            event.expect(200)
        } else {
            event.problem(404, "not-found")
        };
    }
    // A member who becomes an owner is told, and so is their stream.
    let judy = token(&server, "judy");
    let judys = server.keycloak().subject_of("judy");
    for (role, told) in [("viewer", 0), ("owner", 1)] {
        let granted = server
            .post("/projects/payments/members", member(&judys, role))
            .await;
        shown(&server, &granted.expect(200)).await;
        let list = get(&server, &judy, path).await.expect(200);
        assert_eq!(list.body["items"].as_array().unwrap().len(), told, "{role}");
    }
    for (user, seen) in [("frank", "RoleGranted"), ("judy", "SubscriptionCreated")] {
        server.token = token(&server, user);
        let after = server.get("/events?event_type=ProjectCreated").await.expect(200);
        let after = after.body["items"][0]["position"].as_str().unwrap().to_owned();
        let mut stream = Events::open(&server, "/events/stream", Some(&after)).await;
        let (_, kind, _) = stream.event().await.unwrap();
        assert_eq!(kind, seen, "{user}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_is_told_what_is_missing() {
    let server = Server::start().await;
    server.furnish().await;
    let frank = token(&server, "frank");
    get(&server, &frank, "/projects/payments").await.expect(200);
    let refused = post(&server, &frank, "/projects/payments/services", checkout()).await;
    let refused = refused.problem(403, "forbidden");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("CreateService") && detail.contains("platform-admin, owner, developer"),
        "{detail}"
    );
    // Nothing of it depends on the body.
    post(&server, &frank, "/projects/payments/services", json!({}))
        .await
        .problem(403, "forbidden");
    // A method that is not there is not a matter of roles.
    let answer = super::ask(&server, &frank, Method::PATCH, "/projects/payments", None).await;
    assert_eq!(answer.problem(405, "method-not-allowed").header("allow"), "GET");
    get(&server, &frank, "/nothing")
        .await
        .problem(404, "no-such-route");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_projects_is_configured() {
    let server = Server::start().await;
    let body = |slug: &str| json!({"slug": slug, "name": "x"});
    let zoe = stranger(&server, "zoe");
    let made = post(&server, &zoe, "/projects", body("hers")).await.expect(201);
    shown(&server, &made).await;
    let members = get(&server, &zoe, "/projects/hers/members").await.expect(200);
    assert_eq!(members.body["items"][0]["subject"], "zoe");
    assert_eq!(members.body["items"][0]["roles"][0]["role"], "owner");
    // Auditors change nothing.
    let erin = token(&server, "erin");
    post(&server, &erin, "/projects", body("erins"))
        .await
        .problem(403, "forbidden");
    server.stop().await;

    let server = Server::start_with(|config| {
        config.access.create_project = opstella_commands::CreateProjects::PlatformAdmin;
    })
    .await;
    let zoe = stranger(&server, "zoe");
    post(&server, &zoe, "/projects", body("hers"))
        .await
        .problem(403, "forbidden");
    server.post("/projects", body("roots")).await.expect(201);
    server.stop().await;
}
