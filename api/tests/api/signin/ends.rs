//! The ways out, and the ends that come by themselves.

use opstella_sandbox::Fault;
use reqwest::Method;
use serde_json::json;

use super::{Browser, change, configure, events, recorded, server, signed_in};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_both_sessions() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let old = browser.session().unwrap().to_owned();
    assert_eq!(server.keycloak().sessions_of("alice").len(), 1);
    let answer = browser.post("/auth/logout", json!({})).await.expect(200);
    assert_eq!(browser.session(), None);
    let on = answer.body["continue_at"].as_str().unwrap().to_owned();
    let url: url::Url = on.parse().unwrap();
    let query: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert!(url.path().ends_with("/protocol/openid-connect/logout"), "{url}");
    assert_eq!(query["client_id"], "opstella");
    assert_eq!(query["post_logout_redirect_uri"], format!("{}/", server.base));
    assert!(query["id_token_hint"].starts_with("eyJ"));
    let back = browser.get(&on).await.expect(302);
    assert_eq!(back.header("location"), format!("{}/", server.base));
    assert!(server.keycloak().sessions_of("alice").is_empty());
    // The old cookie opens nothing.
    browser.set_session(&old);
    browser.get("/auth/session").await.problem(401, "unauthenticated");
    browser.set_session(&old);
    browser
        .get("/api/v1/projects")
        .await
        .problem(401, "unauthenticated");
    let (ended, event) = recorded(&server, "SignedOut", 1).await.remove(0);
    let subject = server.keycloak().subject_of("alice");
    assert_eq!(
        ended,
        json!({"subject": subject, "client": "opstella", "reason": "signed out"})
    );
    assert_eq!(event["actor"], subject);
    let again = browser.request(Method::POST, "/auth/logout");
    browser.send(again).await.problem(401, "unauthenticated");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_works_while_the_provider_is_away() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let token = browser.csrf_token().await;
    server
        .sandbox
        .add_fault(Fault::on("keycloak").status(503))
        .unwrap();
    change(&server, "UPDATE sessions SET renew_at = now()").await;
    let hits = server.sandbox.faults_hit();
    let request = browser
        .request(Method::POST, "/auth/logout")
        .header("X-CSRF-Token", token);
    browser.send(request).await.expect(200);
    assert_eq!(server.sandbox.faults_hit(), hits, "the provider is not asked");
    assert_eq!(browser.session(), None);
    assert_eq!(change(&server, "DELETE FROM sessions").await, 0);
    server.sandbox.clear_faults();
    let (ended, event) = recorded(&server, "SignedOut", 1).await.remove(0);
    assert_eq!(ended["reason"], "signed out");
    assert_eq!(event["actor"], server.keycloak().subject_of("alice"));
    assert_eq!(event["actor_address"], "127.0.0.1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_tells_the_browser_to_forget_everything() {
    let server = server().await;
    for method in [Method::GET, Method::POST] {
        let mut browser = signed_in(&server, "bob").await;
        let old = browser.session().unwrap().to_owned();
        let request = browser.request(method.clone(), "/auth/clear-session");
        let request = match method {
            Method::GET => request
                .header("sec-fetch-dest", "document")
                .header("sec-fetch-site", "cross-site"),
            _ => request.header("origin", &server.base),
        };
        let answer = browser.send(request).await.expect(303);
        // Not all cookies: that would be those of the other hosts of the domain, too.
        assert_eq!(answer.header("clear-site-data"), "\"cache\", \"storage\"");
        assert_eq!(browser.session(), None);
        let on = answer.header("location");
        assert!(
            on.contains("/protocol/openid-connect/logout?") && on.contains("id_token_hint=eyJ"),
            "{on}"
        );
        browser.get(on).await.expect(302);
        browser.set_session(&old);
        browser.get("/auth/session").await.problem(401, "unauthenticated");
    }
    // Also where there is no session, or a broken one.
    let mut browser = Browser::new(&server.base);
    for cookie in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        browser.set_session(cookie);
        let answer = browser.get("/auth/clear-session").await.expect(303);
        assert!(
            answer
                .header("location")
                .contains("/protocol/openid-connect/logout?")
        );
        assert_eq!(browser.session(), None);
    }
    let ended = recorded(&server, "SignedOut", 2).await;
    assert!(
        ended
            .iter()
            .all(|(ended, _)| ended["reason"] == "cleared the browser's session")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_idle_and_when_old() {
    let server = server().await;
    let mut idle = signed_in(&server, "alice").await;
    change(
        &server,
        "UPDATE sessions SET last_seen_at = now() - interval '59 minutes'",
    )
    .await;
    idle.get("/auth/session").await.expect(200);
    // That counted as use.
    let shift = "UPDATE sessions SET last_seen_at = last_seen_at - interval '59 minutes'";
    change(&server, shift).await;
    idle.get("/auth/session").await.expect(200);
    change(
        &server,
        "UPDATE sessions SET last_seen_at = now() - interval '61 minutes'",
    )
    .await;
    idle.get("/api/v1/projects").await.problem(401, "unauthenticated");
    // Also where the clock goes back.
    change(&server, "UPDATE sessions SET last_seen_at = now()").await;
    idle.get("/auth/session").await.problem(401, "unauthenticated");

    let mut old = signed_in(&server, "alice").await;
    let shift = "UPDATE sessions SET expires_at = expires_at - interval '10 hours' + interval '1 minute'";
    change(&server, shift).await;
    old.get("/auth/session").await.expect(200);
    change(
        &server,
        "UPDATE sessions SET expires_at = expires_at - interval '1 minute'",
    )
    .await;
    old.get("/auth/session").await.problem(401, "unauthenticated");

    // And where nobody comes back to them.
    let _left = (signed_in(&server, "bob").await, signed_in(&server, "carol").await);
    change(&server, "UPDATE sessions SET expires_at = now()").await;
    let state = server.serving.as_ref().unwrap().state();
    state.sign_in.as_ref().unwrap().sweep().await.unwrap();
    assert_eq!(change(&server, "DELETE FROM sessions").await, 0);
    let reasons: Vec<_> = recorded(&server, "SignedOut", 4)
        .await
        .into_iter()
        .map(|(ended, event)| {
            assert_eq!(event["actor"], "system:sessions");
            ended["reason"].as_str().unwrap().to_owned()
        })
        .collect();
    let longest = "the session reached its longest time";
    assert_eq!(
        reasons,
        ["the session was idle for too long", longest, longest, longest]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_gets_on_record_where_whoever_ended_the_session_died() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let subject = server.keycloak().subject_of("alice");
    let keep = "CREATE TABLE kept AS SELECT * FROM sessions";
    change(&server, keep).await;
    // It ended, and nothing more happened.
    let died = "UPDATE kept SET ended_at = now() - interval '1 minute', ending = jsonb_build_object(\
        'reason', 'signed out', 'correlation', 'c', 'traceparent', null, 'actor', jsonb_build_object(\
        'subject', subject, 'name', null, 'roles', '[]'::jsonb, 'client', 'opstella', 'address', '192.0.2.1'))";
    assert_eq!(change(&server, died).await, 1);
    let put = "INSERT INTO sessions SELECT * FROM kept";
    let sweep = async || {
        change(&server, put).await;
        let state = server.serving.as_ref().unwrap().state();
        state.sign_in.as_ref().unwrap().sweep().await.unwrap();
        assert_eq!(change(&server, "DELETE FROM sessions").await, 0);
    };
    change(&server, "DELETE FROM sessions").await;
    sweep().await;
    browser.get("/auth/session").await.problem(401, "unauthenticated");
    let (ended, event) = recorded(&server, "SignedOut", 1).await.remove(0);
    assert_eq!(
        ended,
        json!({"subject": subject, "client": "opstella", "reason": "signed out"})
    );
    assert_eq!(
        (&event["actor"], &event["actor_address"]),
        (&json!(subject), &json!("192.0.2.1"))
    );
    // It was recorded, and whoever did so died before the row was gone.
    sweep().await;
    signed_in(&server, "bob").await;
    recorded(&server, "SignedIn", 2).await;
    recorded(&server, "SignedOut", 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_outlive_the_process_with_its_key_only() {
    let first = server().await;
    let mut kept = signed_in(&first, "alice").await;
    let Server {
        database,
        serving,
        sandbox: keycloak,
        base,
        ..
    } = first;
    serving.unwrap().stop().await;
    let port: u16 = base.rsplit(':').next().unwrap().parse().unwrap();
    let again = |config: &mut opstella_api::config::Config| {
        configure(config);
        config.server.listen = format!("127.0.0.1:{port}").parse().unwrap();
        config.server.public_url = base.parse().unwrap();
    };
    let second = Server::start_on(database, keycloak, again).await;
    kept.get("/auth/session").await.expect(200);
    let Server {
        database,
        serving,
        sandbox: keycloak,
        ..
    } = second;
    serving.unwrap().stop().await;
    let third = Server::start_on(database, keycloak, |config| {
        again(config);
        config.session.key = None;
    })
    .await;
    for _ in 0..2 {
        kept.get("/auth/session").await.problem(401, "unauthenticated");
        kept.get("/api/v1/projects").await.problem(401, "unauthenticated");
    }
    // It does not open here; that is no reason to take it from a process where it does.
    assert!(kept.session().is_some());
    assert!(events(&third, "SignedOut").await.is_empty());
    let Server {
        database,
        serving,
        sandbox: keycloak,
        ..
    } = third;
    serving.unwrap().stop().await;
    let fourth = Server::start_on(database, keycloak, again).await;
    kept.get("/auth/session").await.expect(200);
    fourth.stop().await;
}
