//! The way in.

use reqwest::Method;
use serde_json::json;

use super::{Browser, configure, recorded, server, signed_in};
use crate::support::sse::{Events, Said};
use crate::support::{Server, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_and_works() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    browser.get("/auth/session").await.problem(401, "unauthenticated");
    browser
        .get("/api/v1/projects")
        .await
        .problem(401, "unauthenticated");
    let to = browser.begin().await;
    let query: std::collections::BTreeMap<_, _> = to.query_pairs().into_owned().collect();
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["scope"], "openid profile email");
    assert_eq!(query["redirect_uri"], format!("{}/auth/callback", server.base));
    let back = browser.approve(to, "alice").await;
    let done = browser.get(&back).await.expect(303);
    assert_eq!(done.header("location"), "/");
    let cookie = done.header("set-cookie");
    for part in [
        "opstella=",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/",
        "; Max-Age=36000",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");

    let session = browser.get("/auth/session").await.expect(200);
    let subject = server.keycloak().subject_of("alice");
    assert_eq!(session.body["subject"], subject);
    assert_eq!(session.body["name"], "alice");
    assert_eq!(
        session.body["roles"],
        json!(["payments:owner", "payments:developer"])
    );
    assert_eq!(session.body["idle_seconds"], 3600);
    assert_eq!(session.header("cache-control"), "no-store");
    let text = session.body.to_string();
    assert!(!text.contains("eyJ"), "no token leaves the server: {text}");

    // The same caller as by a bearer token.
    let project = json!({"slug": "payments", "name": "Payments"});
    let made = browser.post("/api/v1/projects", project).await.expect(201);
    let after = made.header("x-opstella-position");
    let shown = format!("/api/v1/projects/payments?after={after}");
    browser.get(&shown).await.expect(200);
    browser.get("/api/v1/tools").await.problem(403, "forbidden");
    let (_, made) = recorded(&server, "ProjectCreated", 1).await.remove(0);
    assert_eq!(made["actor"], subject);
    assert_eq!(made["actor_client"], "opstella");

    let (signed_in, event) = recorded(&server, "SignedIn", 1).await.remove(0);
    assert_eq!(signed_in, json!({"subject": subject, "client": "opstella"}));
    assert_eq!(event["aggregate_id"], subject);
    assert_eq!(event["actor_address"], "127.0.0.1");
    assert_eq!(event["command"], "SignIn");
    // At rest there is nothing to read.
    let pool = server.serving.as_ref().unwrap().state().journal.pool().clone();
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT sealed || id FROM sessions")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    let row = String::from_utf8_lossy(&rows[0]).into_owned();
    assert!(!row.contains("eyJ") && !row.contains(browser.session().unwrap()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_form_asks_for_the_password() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let to = browser.begin().await;
    let page = browser.get(to.as_str()).await.expect(200).body;
    let page = page.as_str().unwrap();
    let action = page.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let action = action.replace("&amp;", "&");
    let form = |password: &'static str| [("username", "bob"), ("password", password)];
    let wrong = browser.request(Method::POST, &action).form(&form("guess"));
    let wrong = browser.send(wrong).await.expect(200);
    assert!(wrong.body.to_string().contains("Invalid username or password."));
    let right = browser.request(Method::POST, &action).form(&form("bob-demo"));
    let right = browser.send(right).await.expect(302);
    browser.get(right.header("location")).await.expect(303);
    let session = browser.get("/auth/session").await.expect(200);
    assert_eq!(session.body["name"], "bob");
    // Single sign-on: the next time, nobody is asked.
    let to = browser.begin().await;
    let back = browser.get(to.as_str()).await.expect(302);
    browser.get(back.header("location")).await.expect(303);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sign_in_has_a_session_of_its_own() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    // Somebody planted a session's id; it is well-formed, but nobody's.
    let planted = "A".repeat(43);
    browser.set_session(&planted);
    browser.sign_in("alice").await;
    let first = browser.session().unwrap().to_owned();
    assert_ne!(first, planted);
    browser.sign_in("bob").await;
    let second = browser.session().unwrap().to_owned();
    assert_ne!(first, second);
    let session = browser.get("/auth/session").await.expect(200);
    assert_eq!(session.body["name"], "bob");
    // What the browser had before is over.
    browser.set_session(&first);
    let ended = browser.get("/auth/session").await.problem(401, "unauthenticated");
    assert!(ended.header("set-cookie").contains("opstella=;"), "{ended:?}");
    assert_eq!(browser.session(), None);
    let (ended, _) = recorded(&server, "SignedOut", 1).await.remove(0);
    assert_eq!(ended["reason"], "signed in anew");
    assert_eq!(ended["subject"], server.keycloak().subject_of("alice"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_comes_back_to_this_site_only() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let good = "/auth/login?return_to=%2Fprojects%2Fpayments%3Ftab%3Druns";
    let to = browser.get(good).await.expect(303);
    let back = browser
        .approve(to.header("location").parse().unwrap(), "alice")
        .await;
    let done = browser.get(&back).await.expect(303);
    assert_eq!(done.header("location"), "/projects/payments?tab=runs");
    for bad in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "/%09/evil.example",
        "%0D%0ALocation:%20https://evil.example",
        "javascript:alert(1)",
        "/auth/clear-session",
        "",
    ] {
        let answer = browser.get(&format!("/auth/login?return_to={bad}")).await;
        answer
            .problem(400, "invalid-parameter")
            .field("return_to", "a path of this site");
    }
    browser
        .get("/auth/login?return_to=/&return_to=/x")
        .await
        .problem(400, "invalid-parameter");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_sign_in_at_once() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let (one, two) = (browser.begin().await, browser.begin().await);
    let two = browser.approve(two, "alice").await;
    browser.get(&two).await.expect(303);
    let one = browser.approve(one, "alice").await;
    browser.get(&one).await.expect(303);
    browser.get("/auth/session").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_not_configured_nobody_signs_in() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server.base);
    for path in ["login", "callback", "session", "clear-session"] {
        let answer = browser.get(&format!("/auth/{path}")).await;
        let answer = answer.problem(404, "sign-in-disabled");
        assert!(answer.body["hint"].as_str().unwrap().contains("oidc.client_id"));
    }
    for path in ["logout", "clear-session"] {
        let request = browser.request(Method::POST, &format!("/auth/{path}"));
        browser.send(request).await.problem(404, "sign-in-disabled");
    }
    let request = browser.request(Method::POST, "/auth/backchannel-logout");
    let request = request.form(&[("logout_token", "x")]);
    browser.send(request).await.problem(404, "sign-in-disabled");
    browser.get("/auth/else").await.problem(404, "no-such-route");
    // A cookie means nothing there.
    browser.set_session(&"A".repeat(43));
    browser
        .get("/api/v1/projects")
        .await
        .problem(401, "unauthenticated");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_take_the_cookie() {
    let server = Server::start_with(|config| {
        configure(config);
        config.limits.heartbeat_seconds = 1;
    })
    .await;
    let mut browser = signed_in(&server, "root").await;
    let stream = |browser: &Browser| browser.request(Method::GET, "/api/v1/events/stream").send();
    let mut followed = Events::of(stream(&browser).await.unwrap()).await;
    // What was there already may come first, where another test's transaction held it back.
    let mut first = followed.next().await;
    while matches!(&first, Some(Said::Event { .. })) {
        first = followed.next().await;
    }
    assert_eq!(first, Some(Said::Comment("heartbeat".into())));
    // The stream ends with the session.
    browser.post("/auth/logout", json!({})).await.expect(200);
    let mut last = followed.next().await;
    while matches!(&last, Some(Said::Event { .. })) || last == Some(Said::Comment("heartbeat".into())) {
        last = followed.next().await;
    }
    assert_eq!(last, Some(Said::Comment("the session has ended".into())));
    assert_eq!(followed.next().await, None);
    let browser = signed_in(&server, "root").await;
    drop(stream(&browser).await.unwrap());
    eventually("the server still answers", async || {
        let healthy = server.get("//healthz").await;
        (healthy.status == 200).then_some(())
    })
    .await;
    server.stop().await;
}
