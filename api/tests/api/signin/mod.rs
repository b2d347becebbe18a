//! Signing in with a browser, over real HTTP, at the sandbox's Keycloak and at a certified provider.

mod backchannel;
mod bearers;
mod browser;
mod csrf;
mod ends;
mod flow;
mod provider;
mod proxies;
mod refusals;
mod renewal;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use opstella_api::config::Config;
use opstella_devservers::postgres::test_database;
use opstella_sandbox::{Keycloak, Sandbox, SandboxOptions, credentials};
use serde_json::Value;

use crate::support::{Server, eventually, sandbox};
use browser::Browser;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A free address, which the server gets: what browsers come back to must be known before.
fn free_port() -> u16 {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    taken.local_addr().unwrap().port()
}

/// Configures signing in at the sandbox.
fn configure(config: &mut Config) {
    let port = free_port();
    config.server.listen = format!("127.0.0.1:{port}").parse().unwrap();
    config.server.public_url = format!("http://127.0.0.1:{port}").parse().unwrap();
    config.oidc.client_id = Some(credentials::KEYCLOAK_CLIENT.to_owned());
    config.oidc.client_secret = Some(credentials::KEYCLOAK_CLIENT_SECRET.to_owned().into());
    config.session.key = Some(KEY.to_owned().into());
}

/// A server that browsers can sign in at.
async fn server() -> Server {
    Server::start_with(configure).await
}

/// The same, with a Keycloak whose tokens have this lifetime.
async fn server_with_tokens_of(seconds: u64) -> Server {
    drop(sandbox().await);
    let keycloak = Keycloak::default().with_token_lifetime(Duration::from_secs(seconds));
    let options = SandboxOptions {
        keycloak: Some(Arc::new(keycloak)),
        ..SandboxOptions::default()
    };
    let (database, sandbox) = tokio::join!(test_database(), Sandbox::start(options));
    Server::start_on(database.unwrap(), sandbox.unwrap(), |config| {
        configure(config);
        config.oidc.leeway_seconds = 0;
    })
    .await
}

/// A browser in which that demo user is signed in.
async fn signed_in(server: &Server, user: &str) -> Browser {
    let mut browser = Browser::new(&server.base);
    browser.sign_in(user).await;
    browser
}

/// Changes the database as time, or somebody with access to it, would.
async fn change(server: &Server, text: &'static str) -> u64 {
    let pool = server.serving.as_ref().unwrap().state().journal.pool().clone();
    sqlx::query(text).execute(&pool).await.unwrap().rows_affected()
}

/// Waits for that many events of a type; gives the payloads, oldest first, and the first one's place in the audit log.
async fn recorded(server: &Server, event_type: &str, many: usize) -> Vec<(Value, Value)> {
    let found = eventually(event_type, async || {
        let items = events(server, event_type).await;
        (items.len() >= many).then_some(items)
    })
    .await;
    assert_eq!(found.len(), many, "{found:#?}");
    let mut all = Vec::new();
    for event in found {
        let path = format!("/events/{}", event["position"].as_str().unwrap());
        let detail = server.get(&path).await.expect(200).body;
        all.push((detail["payload"][event_type].clone(), event));
    }
    all
}

/// The events of a type that there are now, oldest first; the sign-in of the test itself, with a token, is left out.
async fn events(server: &Server, event_type: &str) -> Vec<Value> {
    let path = format!("/events?event_type={event_type}&limit=200&order=oldest-first");
    let found = server.get(&path).await.expect(200).body;
    let mut items = found["items"].as_array().unwrap().clone();
    let own = server.keycloak().subject_of("root");
    items.retain(|event| event_type != "SignedIn" || event["actor"] != own.as_str());
    items
}
