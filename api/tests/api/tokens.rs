//! Which tokens are taken.

use opstella_sandbox::keycloak::Signing;
use serde_json::{Value, json};

use crate::support::{Answer, Server, eventually};

async fn with_header(server: &Server, header: Option<&str>) -> Answer {
    let mut request = server.http.get(format!("{}/api/v1/projects", server.base));
    if let Some(header) = header {
        request = request.header("Authorization", header);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_good_tokens_of_the_issuer_are_taken() {
    let server = Server::start().await;
    let keycloak = server.keycloak();
    let now = chrono::Utc::now().timestamp();
    let bearer = |token: String| format!("Bearer {token}");
    let good = keycloak.issue(json!({}));
    let mut cut: String = good.clone();
    cut.truncate(good.len() - 12);
    let cases: Vec<(&str, Option<String>, &str)> = vec![
        ("none", None, "no token"),
        ("garbage", Some("Bearer abc".into()), "no JWT"),
        ("empty", Some("Bearer ".into()), ""),
        ("basic", Some("Basic YTpi".into()), "not `Bearer"),
        ("cut", Some(bearer(cut)), ""),
        (
            "expired",
            Some(bearer(keycloak.issue(json!({"exp": now - 3600})))),
            "expired",
        ),
        (
            "not yet",
            Some(bearer(keycloak.issue(json!({"nbf": now + 3600})))),
            "not valid yet",
        ),
        (
            "no exp",
            Some(bearer(keycloak.issue(json!({"exp": null})))),
            "lacks a claim",
        ),
        (
            "no sub",
            Some(bearer(keycloak.issue(json!({"sub": null})))),
            "lacks a claim",
        ),
        (
            "audience",
            Some(bearer(keycloak.issue(json!({"aud": "other"})))),
            "another audience",
        ),
        (
            "issuer",
            Some(bearer(keycloak.issue(json!({"iss": "https://evil.example"})))),
            "another issuer",
        ),
        (
            "system",
            Some(bearer(keycloak.issue(json!({"sub": "system:engine"})))),
            "lacks a claim",
        ),
        (
            "cli",
            Some(bearer(keycloak.issue(json!({"sub": "cli:root"})))),
            "lacks a claim",
        ),
        (
            "the ID token",
            Some(bearer(
                keycloak.issue(json!({"typ": null, "at_hash": "LDktKdoQak3Pk0cnXxCltA"})),
            )),
            "no access token",
        ),
        (
            "foreign key",
            Some(bearer(keycloak.issue_signed(json!({}), Signing::ForeignKey))),
            "signature",
        ),
        (
            "hs256 with the public key",
            Some(bearer(
                keycloak.issue_signed(json!({}), Signing::Hs256WithPublicKey),
            )),
            "algorithm",
        ),
        (
            "rs384",
            Some(bearer(keycloak.issue_signed(json!({}), Signing::Rs384))),
            "algorithm",
        ),
        (
            "alg none",
            Some(bearer(keycloak.issue_signed(json!({}), Signing::Unsigned))),
            "no JWT",
        ),
        ("unknown kid", Some(bearer(with_kid(&good, "nobody"))), "no key"),
        ("no kid", Some(bearer(with_kid(&good, ""))), "no key"),
    ];
    for (name, header, detail) in cases {
        let answer = with_header(&server, header.as_deref())
            .await
            .problem(401, "unauthenticated");
        let given = answer.body["detail"].as_str().unwrap();
        assert!(given.contains(detail), "{name}: {given}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{name}");
    }
    with_header(&server, Some(&bearer(good))).await.expect(200);
    // Clocks may differ a little.
    let late = keycloak.issue(json!({"exp": now - 5}));
    with_header(&server, Some(&bearer(late))).await.expect(200);
    server.stop().await;
}

/// The token with another `kid` in its header, the signature left as it was.
fn with_kid(token: &str, kid: &str) -> String {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (head, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&base64.decode(head).unwrap()).unwrap();
    match kid {
        "" => {
            header.as_object_mut().unwrap().remove("kid");
        }
        kid => header["kid"] = kid.into(),
    }
    format!("{}.{rest}", base64.encode(header.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_says_who_acts() {
    let server = Server::start().await;
    let alice = server.keycloak().issue_for("alice").unwrap();
    server
        .http
        .post(format!("{}/api/v1/projects", server.base))
        .bearer_auth(alice)
        .header("X-Request-Id", "request-1")
        .json(&json!({"slug": "payments", "name": "Payments"}))
        .send()
        .await
        .unwrap();
    // That she signed in is on record as well.
    let event = eventually("the audit log", async || {
        let events = server.get("/events?correlation=request-1").await.expect(200);
        let mut items = events.body["items"].as_array().unwrap().iter();
        items.find(|event| event["command"] == "CreateProject").cloned()
    })
    .await;
    assert_eq!(event["actor_name"], "alice");
    assert_eq!(
        event["actor_roles"],
        json!(["payments:owner", "payments:developer"])
    );
    assert_eq!(event["actor_client"], "opstella");
    assert_eq!(event["actor_address"], "127.0.0.1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_the_answer_says_so() {
    let server = Server::start_with(|config| {
        config.oidc.issuer = Some("http://127.0.0.1:1/realms/none".to_owned());
    })
    .await;
    let answer = server.get("/projects").await.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let ready = server.get("//readyz").await.expect(503);
    assert_eq!(ready.body["ready"], false);
    assert!(ready.body.to_string().contains("oidc-keys"));
    server.stop().await;
}
