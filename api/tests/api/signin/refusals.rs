//! Who does not get in, and that it is on record.

use std::time::Duration;

use opstella_sandbox::Fault;
use serde_json::Value;
use url::Url;

use super::{Browser, change, configure, events, recorded, server};
use crate::support::{Server, eventually};

/// The same address with another value of a parameter.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .map(|(n, v)| if n == name { (n, value.to_owned()) } else { (n, v) })
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

async fn last_failure(server: &Server, many: usize) -> (Value, Value) {
    recorded(server, "SignInFailed", many).await.pop().unwrap()
}

async fn refused(browser: &mut Browser, back: &str, detail: &str) {
    let answer = browser.get(back).await.problem(400, "sign-in-failed");
    let given = answer.body["detail"].as_str().unwrap();
    assert!(given.contains(detail), "{given}");
    assert_eq!(browser.session(), None);
    assert!(!answer.header("set-cookie").contains("opstella="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_good_once_for_one_browser_and_ten_minutes() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let to = browser.begin().await;
    let back = browser.approve(to, "alice").await;
    // Another browser: somebody sent the link on.
    let mut other = Browser::new(&server.base);
    refused(&mut other, &back, "not begun by this browser").await;
    other.begin().await;
    refused(&mut other, &back, "not begun by this browser").await;
    let wrong = with(&back.parse().unwrap(), "state", &"B".repeat(43));
    refused(&mut browser, wrong.as_str(), "not begun").await;
    refused(&mut browser, "/auth/callback?code=x", "not begun").await;
    refused(&mut browser, "/auth/callback", "not begun").await;
    let mut copy = browser.clone();
    browser.get(&back).await.expect(303);
    // The same again: also where the browser kept its cookie, the provider does not see the code twice.
    refused(&mut copy, &back, "finished already").await;
    let again = browser.clone().get(&back).await;
    again.problem(400, "sign-in-failed");
    browser.get("/auth/session").await.expect(200);
    assert_eq!(server.keycloak().sessions_of("alice").len(), 1);
    assert_eq!(
        change(&server, "UPDATE sign_ins_used SET expires_at = now()").await,
        1
    );
    let state = server.serving.as_ref().unwrap().state();
    state.sign_in.as_ref().unwrap().sweep().await.unwrap();
    assert_eq!(change(&server, "DELETE FROM sign_ins_used").await, 0);
    let (failed, event) = last_failure(&server, 7).await;
    assert_eq!(failed["client"], "opstella");
    assert!(
        failed["reason"].as_str().unwrap().contains("not begun"),
        "{failed}"
    );
    assert_eq!(event["aggregate_id"], "system:sign-in");
    assert_eq!(event["actor_address"], "127.0.0.1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beginning_many_sign_ins_takes_nothing_from_others() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let to = browser.begin().await;
    let mut others = Browser::new(&server.base);
    let first = others.begin().await;
    let mut last = first.clone();
    for _ in 0..10 {
        last = others.begin().await;
    }
    // Nothing is kept here.
    assert_eq!(change(&server, "DELETE FROM sign_ins_used").await, 0);
    let back = browser.approve(to, "alice").await;
    browser.get(&back).await.expect(303);
    // Of one browser, the newest few go on.
    assert_eq!(others.signing_in(), 3);
    let back = others.approve(first, "bob").await;
    refused(&mut others, &back, "too old").await;
    let back = others.approve(last, "bob").await;
    others.get(&back).await.expect(303);
    assert_eq!(others.signing_in(), 2);
    others.get("/auth/clear-session").await.expect(303);
    assert_eq!(others.signing_in(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonce_verifier_code_and_issuer_must_be_those_of_the_sign_in() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let to = browser.begin().await;
    let back = browser.approve(with(&to, "nonce", "another"), "alice").await;
    refused(&mut browser, &back, "nonce").await;
    let to = browser.begin().await;
    let other = with(&to, "code_challenge", &"C".repeat(43));
    let back = browser.approve(other, "alice").await;
    refused(&mut browser, &back, "PKCE verification failed").await;
    let to = browser.begin().await;
    let back: Url = browser.approve(to, "alice").await.parse().unwrap();
    refused(
        &mut browser,
        with(&back, "code", "made-up").as_str(),
        "Code not valid",
    )
    .await;
    let to = browser.begin().await;
    let back: Url = browser.approve(to, "alice").await.parse().unwrap();
    refused(
        &mut browser,
        with(&back, "iss", "https://evil.example").as_str(),
        "another provider",
    )
    .await;
    // Of two codes of one person, each belongs to its own sign-in.
    let (one, two) = (browser.begin().await, browser.begin().await);
    let one: Url = browser.approve(one, "alice").await.parse().unwrap();
    let two: Url = browser.approve(two, "alice").await.parse().unwrap();
    let code = two
        .query_pairs()
        .find(|(n, _)| n == "code")
        .unwrap()
        .1
        .into_owned();
    refused(
        &mut browser,
        with(&one, "code", &code).as_str(),
        "PKCE verification failed",
    )
    .await;
    let (failed, _) = last_failure(&server, 5).await;
    assert!(
        failed["reason"].as_str().unwrap().contains("invalid_grant"),
        "{failed}"
    );
    assert_eq!(change(&server, "DELETE FROM sessions").await, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_is_told_and_recorded() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let mut to = browser.begin().await;
    to.query_pairs_mut().append_pair("prompt", "none");
    let back = browser.get(to.as_str()).await.expect(302);
    refused(&mut browser, back.header("location"), "login_required").await;
    let (failed, _) = last_failure(&server, 1).await;
    assert_eq!(failed["reason"], "the provider refused: login_required");
    // A code cannot be got at by way of an error.
    refused(&mut browser, back.header("location"), "not begun").await;
    let to = browser.begin().await;
    let state = to
        .query_pairs()
        .find(|(n, _)| n == "state")
        .unwrap()
        .1
        .into_owned();
    refused(
        &mut browser,
        &format!("/auth/callback?state={state}"),
        "without a code",
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_a_503() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    let fault = |method, path| {
        Fault::on("keycloak")
            .method(method)
            .path(path)
            .status(502)
            .times(1)
    };
    let down = fault("GET", "/realms/opstella/.well-known/openid-configuration");
    server.sandbox.add_fault(down).unwrap();
    let answer = browser.get("/auth/login").await.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    eventually("the provider is asked again", async || {
        let answer = browser.clone().get("/auth/login").await;
        (answer.status == 303).then_some(())
    })
    .await;
    let to = browser.begin().await;
    let back = browser.approve(to, "alice").await;
    let down = fault("POST", "/realms/opstella/protocol/openid-connect/token");
    server.sandbox.add_fault(down).unwrap();
    browser.get(&back).await.problem(503, "unavailable");
    browser.sign_in("alice").await;
    // That it was away says nothing of who signs in.
    recorded(&server, "SignedIn", 1).await;
    assert!(events(&server, "SignInFailed").await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_not_asked_by_everybody() {
    let server = Server::start_with(|config| {
        configure(config);
        config.oidc.jwks_refresh_seconds = 1;
        config.oidc.jwks_min_interval_seconds = 3600;
        config.oidc.timeout_seconds = 60;
    })
    .await;
    let mut browser = Browser::new(&server.base);
    browser.begin().await;
    let discovery = "/realms/opstella/.well-known/openid-configuration";
    // What keeps the keys of access tokens fresh asks there, too.
    let away = Fault::on("keycloak").path(discovery).status(502);
    server
        .sandbox
        .add_fault(away.latency(Duration::from_secs(5)))
        .unwrap();
    // What is held is old in a moment; then one browser waits for the provider, and no other does.
    let waiting = eventually("a browser waits for the provider", async || {
        let mut browser = browser.clone();
        let mut asked = tokio::spawn(async move { browser.begin().await });
        let soon = tokio::time::timeout(Duration::from_secs(1), &mut asked).await;
        soon.is_err().then_some(asked)
    })
    .await;
    for _ in 0..5 {
        browser.begin().await;
    }
    assert!(!waiting.is_finished());
    waiting.await.unwrap();
    // Nor does anybody right after that did not work out.
    let many = tokio::time::timeout(Duration::from_secs(4), async {
        for _ in 0..5 {
            browser.begin().await;
        }
    });
    many.await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_failures_is_counted_rather_than_kept() {
    let server = server().await;
    let mut browser = Browser::new(&server.base);
    for _ in 0..40 {
        browser
            .get("/auth/callback?state=x")
            .await
            .problem(400, "sign-in-failed");
    }
    recorded(&server, "SignInFailed", 30).await;
    server.stop().await;
}
