#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! OpenBao starts, keeps a secret, knows the auth methods that we need, and goes.

use opstella_devservers::openbao::OpenBao;
use serde_json::{Value, json};

#[tokio::test]
async fn starts_answers_and_goes() {
    let server = OpenBao::start().await.unwrap();
    let client = reqwest::Client::new();
    let secret = format!("{}/v1/secret/data/team/checkout", server.url);
    let ask = |request: reqwest::RequestBuilder| request.header("X-Vault-Token", &server.root_token).send();

    let put = ask(client
        .post(&secret)
        .json(&json!({ "data": { "password": "hidden" } })))
    .await
    .unwrap();
    assert!(put.status().is_success(), "{put:?}");
    let got: Value = ask(client.get(&secret)).await.unwrap().json().await.unwrap();
    assert_eq!(got["data"]["data"]["password"], "hidden");

    let methods: Value = ask(client.get(format!("{}/v1/sys/auth", server.url)))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(methods["data"]["approle/"]["type"], "approle");
    assert_eq!(methods["data"]["kubernetes/"]["type"], "kubernetes");

    let refused = client
        .get(&secret)
        .header("X-Vault-Token", "guess")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
    let (url, pid) = (server.url.clone(), server.pid());
    drop(server);
    assert!(client.get(url).send().await.is_err());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
