//! Whose address counts, behind a proxy and without.

use chrono::Utc;
use opstella_sandbox::credentials::KEYCLOAK_CLIENT;
use reqwest::Method;
use serde_json::json;

use super::{Browser, configure, recorded};
use crate::support::{Answer, Server};

/// Few requests of an address.
async fn server(proxies: &[&str]) -> Server {
    let proxies = proxies.iter().map(|text| text.parse().unwrap()).collect();
    Server::start_with(|config| {
        configure(config);
        config.server.trusted_proxies = proxies;
        config.limits.requests_per_second = 1;
        config.limits.burst = 5;
    })
    .await
}

/// How many of ten requests from an address are taken.
async fn taken(server: &Server, forwarded_for: &str) -> usize {
    let mut taken = 0;
    for _ in 0..10 {
        let request = Browser::new(&server.base).request(Method::GET, "/auth/session");
        let answer = request.header("x-forwarded-for", forwarded_for).send();
        taken += usize::from(answer.await.unwrap().status() == 401);
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_browser_counts_for_itself() {
    let server = server(&["127.0.0.0/8"]).await;
    for address in ["192.0.2.1", "192.0.2.2", "203.0.113.9, 192.0.2.3"] {
        let taken = taken(&server, address).await;
        assert!((5..8).contains(&taken), "{address}: {taken}");
    }
    // What a browser says of itself does not count.
    let more = taken(&server, "203.0.113.10, 192.0.2.3").await;
    assert!(more < 3, "{more}");
    // Of IPv6, a whole network is one: anybody has one.
    let one = taken(&server, "2001:db8::1").await + taken(&server, "2001:db8::2").await;
    assert!((5..9).contains(&one), "{one}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_believed() {
    let server = server(&["192.0.2.0/24"]).await;
    let all = taken(&server, "192.0.2.1").await + taken(&server, "198.51.100.1").await;
    assert!((5..9).contains(&all), "{all}");
    // The provider's logouts have a bucket of their own.
    let now = Utc::now().timestamp();
    let token = server.keycloak().issue(json!({
        "typ": "Logout", "sub": "x", "aud": KEYCLOAK_CLIENT, "iat": now, "exp": now + 60, "azp": null,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }));
    let url = format!("{}/auth/backchannel-logout", server.base);
    let request = server.http.post(url).form(&[("logout_token", token)]);
    Answer::of(request.send().await.unwrap()).await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_made_up_count_against_their_address() {
    let server = server(&["127.0.0.0/8"]).await;
    let mut known = Browser::new(&server.base);
    known.sign_in("alice").await;
    let ask = async |mut browser: Browser, address: &str| {
        let request = browser.request(Method::GET, "/api/v1/projects");
        let answer = browser.send(request.header("x-forwarded-for", address)).await;
        answer.status.as_u16()
    };
    let mut refused = 0;
    for guess in 0..20 {
        let mut browser = Browser::new(&server.base);
        browser.set_session(&format!("{guess:0<43}"));
        let status = ask(browser, "192.0.2.7").await;
        assert!([401, 429].contains(&status), "{status}");
        refused += usize::from(status == 429);
    }
    assert!(refused > 5, "{refused}");
    // Those elsewhere are not concerned, nor is whoever brings no cookie.
    assert_eq!(ask(known, "192.0.2.8").await, 200);
    assert_eq!(ask(Browser::new(&server.base), "192.0.2.7").await, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_has_the_clients_address() {
    let server = Server::start_with(|config| {
        configure(config);
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let failed = Browser::new(&server.base)
        .request(Method::GET, "/auth/callback")
        .header("x-forwarded-for", "198.51.100.7");
    assert_eq!(failed.send().await.unwrap().status(), 400);
    let (_, event) = recorded(&server, "SignInFailed", 1).await.remove(0);
    assert_eq!(event["actor_address"], "198.51.100.7");
    server.stop().await;
}
