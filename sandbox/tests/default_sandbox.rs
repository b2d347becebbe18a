//! A sandbox as everyone starts it: all tools, over real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use opstella_sandbox::{Fault, Sandbox, SandboxOptions, credentials};
use serde_json::{Value, json};

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn make_group(sandbox: &Sandbox, name: &str) -> Result<u16, reqwest::Error> {
    let url = format!("{}/api/v4/groups", sandbox.tool_url("gitlab"));
    let request = client()
        .post(url)
        .header("private-token", credentials::GITLAB_TOKEN);
    let answer = request.json(&json!({"name": name, "path": name})).send().await?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn a_fresh_sandbox_is_empty_and_knows_what_is_made() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    for (tool, state) in sandbox.state().as_object().unwrap() {
        assert_eq!(state, &json!({}), "{tool}");
    }
    assert_eq!(make_group(&sandbox, "payments").await.unwrap(), 201);
    let url = format!("{}/_sandbox/state", sandbox.url());
    let state: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["gitlab"], json!({"groups": ["payments"]}));
    assert_eq!(state, sandbox.state());
}

#[tokio::test]
async fn an_answer_lost_after_the_work_leaves_the_work_done() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    sandbox
        .add_fault(
            Fault::on("gitlab")
                .method("POST")
                .path("/api/v4/groups")
                .drop_after()
                .times(1),
        )
        .unwrap();
    assert!(make_group(&sandbox, "payments").await.is_err());
    assert_eq!(make_group(&sandbox, "payments").await.unwrap(), 400);
    assert_eq!(sandbox.state()["gitlab"]["groups"], json!(["payments"]));
}

#[tokio::test]
async fn faults_hit_one_project_by_its_encoded_path() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    sandbox
        .add_fault(
            Fault::on("gitlab")
                .path("/api/v4/projects/payments%2F*")
                .status(502),
        )
        .unwrap();
    let get = async |path: &str| {
        let url = format!("{}/api/v4/projects/{path}", sandbox.tool_url("gitlab"));
        let request = client().get(url).bearer_auth(credentials::GITLAB_TOKEN);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(get("payments%2Fcheckout").await, 502);
    assert_eq!(get("other%2Fcheckout").await, 404);
}

#[tokio::test]
async fn pages_are_followed_by_their_links() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    for n in 0..5 {
        assert_eq!(make_group(&sandbox, &format!("team-{n}")).await.unwrap(), 201);
    }
    let mut next = Some(format!("{}/api/v4/groups?per_page=2", sandbox.tool_url("gitlab")));
    let mut names = Vec::new();
    while let Some(url) = next {
        let answer = client()
            .get(url)
            .bearer_auth(credentials::GITLAB_TOKEN)
            .send()
            .await
            .unwrap();
        let links = answer.headers()["link"].to_str().unwrap().to_owned();
        next = links
            .split(", ")
            .find(|l| l.ends_with("rel=\"next\""))
            .map(|l| l[1..l.find('>').unwrap()].to_owned());
        let page: Vec<Value> = answer.json().await.unwrap();
        names.extend(page.iter().map(|g| g["path"].as_str().unwrap().to_owned()));
    }
    assert_eq!(names, ["team-0", "team-1", "team-2", "team-3", "team-4"]);
}

#[tokio::test]
async fn keycloak_issues_under_the_url_that_clients_use() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let issuer = sandbox.keycloak().unwrap().issuer();
    assert_eq!(
        issuer,
        format!("{}/realms/opstella", sandbox.tool_url("keycloak"))
    );
    let url = format!("{issuer}/.well-known/openid-configuration");
    let discovery: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(discovery["issuer"], issuer);
    let token = sandbox.keycloak().unwrap().issue_for("alice").unwrap();
    let userinfo = discovery["userinfo_endpoint"].as_str().unwrap();
    let alice: Value = client()
        .get(userinfo)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(alice["preferred_username"], "alice");
}
