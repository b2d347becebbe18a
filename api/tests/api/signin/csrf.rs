//! What other sites make a browser send is not taken.

use reqwest::Method;
use serde_json::json;

use super::{server, signed_in};
use crate::support::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_by_cookie_needs_the_token_and_the_origin() {
    let server = server().await;
    let mut browser = signed_in(&server, "root").await;
    let token = browser.csrf_token().await;
    let other = signed_in(&server, "root").await.csrf_token().await;
    assert_ne!(token, other);
    let send = async |headers: &[(&str, &str)]| {
        let mut request = browser.request(Method::POST, "/api/v1/projects");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = json!({"slug": "payments", "name": "Payments"});
        Answer::of(request.json(&body).send().await.unwrap()).await
    };
    let good = ("x-csrf-token", token.as_str());
    for wrong in [
        &[][..],
        &[("x-csrf-token", "")],
        &[("x-csrf-token", other.as_str())],
        &[good, ("origin", "https://evil.example")],
        &[good, ("origin", "null")],
        &[good, ("sec-fetch-site", "cross-site")],
        &[good, ("sec-fetch-site", "same-site")],
    ] {
        send(wrong).await.problem(403, "cross-site");
    }
    // Nothing was made.
    server.get("/projects/payments").await.problem(404, "not-found");
    // Reading needs none of it, and a bearer token neither.
    let read = browser
        .request(Method::GET, "/api/v1/projects")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(read.send().await.unwrap().status(), 200);
    let origin = ("origin", server.base.as_str());
    send(&[good, origin, ("sec-fetch-site", "same-origin")])
        .await
        .expect(201);
    let bearer = format!("Bearer {}", server.token);
    send(&[("authorization", &bearer), ("origin", "https://evil.example")])
        .await
        .problem(409, "name-taken");
    // A header that is no good is not made up for by a cookie.
    send(&[good, ("authorization", "Bearer x")])
        .await
        .problem(401, "unauthenticated");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_is_a_command_too() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let bare = browser.request(Method::POST, "/auth/logout");
    browser.send(bare).await.problem(403, "cross-site");
    let other = browser
        .request(Method::POST, "/auth/clear-session")
        .header("origin", "https://evil.example");
    browser.send(other).await.problem(403, "cross-site");
    let image = browser
        .request(Method::GET, "/auth/clear-session")
        .header("sec-fetch-dest", "image");
    let answer = browser.send(image).await.problem(403, "cross-site");
    assert_eq!(answer.header("clear-site-data"), "");
    browser.get("/auth/session").await.expect(200);
    server.stop().await;
}
