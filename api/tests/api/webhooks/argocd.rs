//! Argo CD's.

use serde_json::{Value, json};

use super::{register, send};
use crate::resources::ended;
use crate::support::{Answer, Server, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn argocd_sends_the_configured_token() {
    let server = Server::start_with(|config| {
        let name = "argocd-webhook".parse().unwrap();
        config.credentials.insert(name, "a shared token".into());
    })
    .await;
    let body = json!({"application": "payments--checkout--api--dev"}).to_string();
    let given = |value| Some(("Authorization", value));
    // Nothing is being deployed: nothing to look at.
    send(&server, "argocd", given("Bearer a shared token"), &body)
        .await
        .expect(202);
    for header in [
        None,
        given("Bearer another"),
        given("a shared token"),
        given("Basic a shared token"),
    ] {
        let answer = send(&server, "argocd", header, &body).await;
        answer.problem(401, "unauthenticated");
    }
    for odd in ["{}", "", "[1]", "{\"application\": \"\\u0000\"}"] {
        let answer = send(&server, "argocd", given("Bearer a shared token"), odd).await;
        answer.problem(422, "invalid-field");
    }
    server.stop().await;
    let without = Server::start().await;
    let answer = send(&without, "argocd", given("Bearer a shared token"), &body).await;
    answer.problem(404, "not-found");
    without.stop().await;
}

/// A promotion waits for Argo CD, which wants to be asked again in a minute: the webhook makes it look at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_waits_is_woken() {
    let server = Server::start_with(|config| {
        let name = "argocd-webhook".parse().unwrap();
        config.credentials.insert(name, "a shared token".into());
    })
    .await;
    server.tools.deploy_slowly(true);
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    register(&server).await;
    let run = eventually("the promotion waits for Argo CD", || async {
        let promotions = server.get("/promotions?project=payments").await.expect(200);
        let run = promotions.body["items"][0]["run"].as_str()?.to_owned();
        let shown = server.get(&format!("/runs/{run}")).await;
        (shown.status == 200 && healthy(&shown)["phase"] == "waiting").then_some(run)
    })
    .await;
    let waiting = || async {
        let shown = server.get(&format!("/runs/{run}")).await.expect(200);
        healthy(&shown).clone()
    };
    let before = waiting().await;
    let body = |application: &str| json!({"application": application}).to_string();
    let ours = body("payments--checkout--api--dev");
    // Not by somebody else, nor for something else.
    send(&server, "argocd", Some(("Authorization", "Bearer wrong")), &ours)
        .await
        .problem(401, "unauthenticated");
    let token = Some(("Authorization", "Bearer a shared token"));
    for other in [
        "payments--checkout--api--prd",
        "payments--checkout--api",
        "payments--checkout--worker--dev",
        "else",
        "",
    ] {
        send(&server, "argocd", token, &body(other)).await.expect(202);
    }
    assert_eq!(waiting().await, before);
    // Too early: it looks, and waits on.
    send(&server, "argocd", token, &ours).await.expect(202);
    eventually("it looked again", || async {
        let now = waiting().await;
        (now["phase"] == "waiting" && now["attempt"].as_u64() > before["attempt"].as_u64()).then_some(())
    })
    .await;
    server.tools.deploy_slowly(false);
    send(&server, "argocd", token, &ours).await.expect(202);
    // `eventually` is over long before the minute is.
    ended(&server, &format!("/api/v1/runs/{run}"), "succeeded").await;
    // Sent again, when nothing waits any more.
    send(&server, "argocd", token, &ours).await.expect(202);
    server.stop().await;
}

fn healthy(run: &Answer) -> &Value {
    let steps = run.body["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["step"] == "argocd.healthy/api")
        .unwrap()
}
