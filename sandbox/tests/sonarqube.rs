//! The stand-in SonarQube answers as SonarQube does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use base64::Engine;
use common::Caller;
use opstella_sandbox::{SandboxTool, SonarQube};
use serde_json::{Value, json};

fn bearer(token: &str) -> Vec<(&'static str, String)> {
    vec![("authorization", format!("Bearer {token}"))]
}

fn sonarqube() -> Caller<SonarQube> {
    Caller {
        tool: SonarQube::new("secret"),
        headers: bearer("secret"),
    }
}

fn with_project() -> Caller<SonarQube> {
    let sonar = sonarqube();
    let made = sonar.form(
        "/api/projects/create",
        &[
            ("name", "Checkout"),
            ("project", "payments.checkout"),
            ("visibility", "private"),
        ],
    );
    assert_eq!(
        made.1["project"],
        json!({"key": "payments.checkout", "name": "Checkout", "qualifier": "TRK", "visibility": "private"})
    );
    sonar
}

fn error(answer: (u16, Value)) -> (u16, String) {
    (
        answer.0,
        answer.1["errors"][0]["msg"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}

#[test]
fn checks_credentials() {
    let mut sonar = sonarqube();
    assert_eq!(
        sonar.get("/api/authentication/validate").1,
        json!({"valid": true})
    );
    let basic = base64::engine::general_purpose::STANDARD.encode("secret:");
    sonar.headers = vec![("authorization", format!("Basic {basic}"))];
    assert_eq!(sonar.get("/api/projects/search").0, 200);
    sonar.headers = bearer("wrong");
    assert_eq!(sonar.get("/api/projects/search"), (401, Value::Null));
    assert_eq!(
        sonar.get("/api/authentication/validate").1,
        json!({"valid": false})
    );
    sonar.headers.clear();
    assert_eq!(sonar.get("/api/system/status").1["status"], "UP");
    assert_eq!(sonar.get("/api/qualitygates/list").0, 401);
}

#[test]
fn projects() {
    let sonar = with_project();
    let again = sonar.form(
        "/api/projects/create",
        &[("name", "x"), ("project", "Payments.checkout")],
    );
    assert_eq!(
        error(again),
        (400, "Could not create Project with key: \"Payments.checkout\". A similar key already exists: \"payments.checkout\"".to_owned())
    );
    assert_eq!(
        error(sonar.form("/api/projects/create", &[("name", "x")])),
        (400, "The 'project' parameter is missing".to_owned())
    );
    assert_eq!(
        sonar
            .form("/api/projects/create", &[("name", "x"), ("project", "a b")])
            .0,
        400
    );
    assert_eq!(
        sonar
            .form("/api/projects/create", &[("name", "x"), ("project", "123")])
            .0,
        400
    );
    for n in 0..4 {
        sonar.form(
            "/api/projects/create",
            &[("name", &format!("p{n}")), ("project", &format!("p{n}"))],
        );
    }
    let (_, page) = sonar.get("/api/projects/search?ps=2&p=2");
    assert_eq!(page["paging"], json!({"pageIndex": 2, "pageSize": 2, "total": 5}));
    assert_eq!(page["components"].as_array().unwrap().len(), 2);
    assert_eq!(
        sonar.get("/api/projects/search?projects=p1,p2").1["paging"]["total"],
        2
    );
    assert_eq!(sonar.get("/api/projects/search?ps=501").0, 400);
    assert_eq!(
        sonar
            .form(
                "/api/project_tags/set",
                &[("project", "p1"), ("tags", "opstella,a")]
            )
            .0,
        204
    );
    assert_eq!(
        sonar.get("/api/components/show?component=p1").1["component"]["tags"],
        json!(["a", "opstella"])
    );
    assert_eq!(
        error(sonar.get("/api/components/show?component=no")),
        (404, "Component key 'no' not found".to_owned())
    );
    assert_eq!(sonar.form("/api/projects/delete", &[("project", "p1")]).0, 204);
    assert_eq!(
        error(sonar.form("/api/projects/delete", &[("project", "p1")])),
        (404, "Project 'p1' not found".to_owned())
    );
}

#[test]
fn quality_gates() {
    let sonar = with_project();
    assert_eq!(
        sonar.get("/api/qualitygates/list").1["qualitygates"][0]["isBuiltIn"],
        true
    );
    assert_eq!(
        sonar.form("/api/qualitygates/create", &[("name", "opstella")]).1,
        json!({"name": "opstella"})
    );
    assert_eq!(
        error(sonar.form("/api/qualitygates/create", &[("name", "opstella")])),
        (400, "Name has already been taken".to_owned())
    );
    let condition = [
        ("gateName", "opstella"),
        ("metric", "coverage"),
        ("op", "LT"),
        ("error", "80"),
    ];
    let (_, made) = sonar.form("/api/qualitygates/create_condition", &condition);
    assert_eq!(
        sonar.get("/api/qualitygates/show?name=opstella").1["conditions"][0]["id"],
        made["id"]
    );
    assert_eq!(
        error(sonar.get("/api/qualitygates/show?name=no")),
        (404, "No quality gate has been found for name no".to_owned())
    );
    let of = "/api/qualitygates/get_by_project?project=payments.checkout";
    assert_eq!(
        sonar.get(of).1["qualityGate"],
        json!({"name": "Sonar way", "default": true})
    );
    let select = [("gateName", "opstella"), ("projectKey", "payments.checkout")];
    assert_eq!(sonar.form("/api/qualitygates/select", &select).0, 204);
    assert_eq!(
        sonar.get(of).1["qualityGate"],
        json!({"name": "opstella", "default": false})
    );
    assert_eq!(
        sonar
            .get("/api/qualitygates/project_status?projectKey=payments.checkout")
            .1["projectStatus"]["status"],
        "NONE"
    );
    assert_eq!(
        sonar.form("/api/qualitygates/destroy", &[("name", "opstella")]).0,
        204
    );
    assert_eq!(sonar.get(of).1["qualityGate"]["name"], "Sonar way");
    assert_eq!(
        sonar
            .form("/api/qualitygates/destroy", &[("name", "Sonar way")])
            .0,
        400
    );
}

#[test]
fn tokens_are_shown_once_and_go_with_their_project() {
    let mut sonar = with_project();
    let wanted = [
        ("name", "ci"),
        ("type", "PROJECT_ANALYSIS_TOKEN"),
        ("projectKey", "payments.checkout"),
        ("expirationDate", "2999-01-01"),
    ];
    let (status, made) = sonar.form("/api/user_tokens/generate", &wanted);
    let secret = made["token"].as_str().unwrap().to_owned();
    assert_eq!(
        (status, &made["expirationDate"], secret.len()),
        (200, &json!("2999-01-01T00:00:00+0000"), 44)
    );
    assert!(secret.starts_with("sqp_"));
    assert_eq!(
        error(sonar.form("/api/user_tokens/generate", &wanted)),
        (
            400,
            "A user token for login 'admin' and name 'ci' already exists".to_owned()
        )
    );
    let (_, list) = sonar.get("/api/user_tokens/search");
    assert_eq!(list["userTokens"][0]["project"]["key"], "payments.checkout");
    assert!(!list.to_string().contains(&secret));
    assert_eq!(
        sonar
            .form(
                "/api/user_tokens/generate",
                &[("name", "x"), ("type", "PROJECT_ANALYSIS_TOKEN")]
            )
            .0,
        400
    );
    assert_eq!(
        sonar
            .form("/api/user_tokens/generate", &[("name", "x"), ("type", "NONE")])
            .0,
        400
    );
    assert_eq!(
        sonar
            .form(
                "/api/user_tokens/generate",
                &[("name", "x"), ("expirationDate", "2020-01-01")]
            )
            .0,
        400
    );

    sonar.headers = bearer(&secret);
    assert_eq!(
        sonar.get("/api/authentication/validate").1,
        json!({"valid": true})
    );
    assert_eq!(
        error(sonar.get("/api/projects/search")),
        (403, "Insufficient privileges".to_owned())
    );
    sonar.headers = bearer("secret");
    assert_eq!(sonar.form("/api/user_tokens/revoke", &[("name", "ci")]).0, 204);
    assert_eq!(sonar.form("/api/user_tokens/revoke", &[("name", "ci")]).0, 204);
    sonar.form("/api/user_tokens/generate", &wanted);
    sonar.form("/api/projects/delete", &[("project", "payments.checkout")]);
    assert_eq!(sonar.tool.state(), json!({}));
}

#[test]
fn webhooks() {
    let sonar = with_project();
    let wanted = [
        ("name", "opstella"),
        ("url", "http://127.0.0.1:1/x"),
        ("project", "payments.checkout"),
        ("secret", "0123456789abcdef"),
    ];
    let (_, made) = sonar.form("/api/webhooks/create", &wanted);
    assert_eq!(
        (&made["webhook"]["hasSecret"], &made["webhook"]["secret"]),
        (&json!(true), &Value::Null)
    );
    let key = made["webhook"]["key"].as_str().unwrap();
    assert_eq!(sonar.get("/api/webhooks/list").1, json!({"webhooks": []}));
    let list = || sonar.get("/api/webhooks/list?project=payments.checkout").1["webhooks"].clone();
    assert_eq!(list()[0]["key"], key);
    assert_eq!(
        sonar
            .form(
                "/api/webhooks/update",
                &[
                    ("webhook", key),
                    ("name", "n"),
                    ("url", "https://x.example"),
                    ("secret", "")
                ]
            )
            .0,
        204
    );
    assert_eq!(
        (&list()[0]["name"], &list()[0]["hasSecret"]),
        (&json!("n"), &json!(false))
    );
    for (bad, field) in [("ftp://x", "url"), ("short", "secret")] {
        let mut pairs = wanted.to_vec();
        pairs.iter_mut().find(|(name, _)| *name == field).unwrap().1 = bad;
        assert_eq!(sonar.form("/api/webhooks/create", &pairs).0, 400, "{field}");
    }
    assert_eq!(sonar.form("/api/webhooks/delete", &[("webhook", key)]).0, 204);
    assert_eq!(
        error(sonar.form("/api/webhooks/delete", &[("webhook", key)])),
        (404, format!("No webhook with key '{key}'"))
    );
}

#[test]
fn wrong_methods_and_routes_are_refused() {
    let sonar = sonarqube();
    assert_eq!(
        error(sonar.get("/api/projects/create")),
        (405, "HTTP method POST is required".to_owned())
    );
    assert_eq!(
        error(sonar.get("/api/nothing/here")),
        (404, "Unknown url : /api/nothing/here".to_owned())
    );
}

#[test]
fn analyses_end_and_are_told() {
    let sonar = with_project();
    let of_project = "/api/project_analyses/search?project=payments.checkout";
    let status = |pair: &str| {
        let (code, answer) = sonar.get(&format!("/api/qualitygates/project_status?{pair}"));
        assert_eq!(code, 200, "{answer}");
        answer["projectStatus"]["status"].as_str().unwrap().to_owned()
    };
    let project = "projectKey=payments.checkout";
    assert_eq!(sonar.get(of_project).1["analyses"], json!([]));
    assert_eq!(status(project), "NONE");
    let hook = [
        ("name", "opstella"),
        ("url", "http://opstella.example/x"),
        ("project", "payments.checkout"),
        ("secret", "0123456789abcdef"),
    ];
    assert_eq!(sonar.form("/api/webhooks/create", &hook).0, 200);
    let analyse =
        |revision: &str, status: &str| sonar.tool.analyse("payments.checkout", revision, status).unwrap();
    let sent = analyse("aaaa", "ERROR");
    assert_eq!(
        (sent.len(), sent[0].url.as_str()),
        (1, "http://opstella.example/x")
    );
    assert_eq!(sent[0].signature.as_ref().unwrap().len(), 64);
    let body: Value = serde_json::from_str(&sent[0].body).unwrap();
    assert_eq!(
        (&body["revision"], &body["status"]),
        (&json!("aaaa"), &json!("SUCCESS"))
    );
    assert_eq!(body["qualityGate"]["status"], "ERROR");
    analyse("bbbb", "OK");
    let analyses = sonar.get(of_project).1["analyses"].clone();
    assert_eq!(
        (&analyses[0]["revision"], &analyses[1]["revision"]),
        (&json!("bbbb"), &json!("aaaa"))
    );
    let page = sonar.get(&format!("{of_project}&ps=1")).1;
    assert_eq!(
        (
            page["analyses"].as_array().unwrap().len(),
            &page["paging"]["total"]
        ),
        (1, &json!(2))
    );
    let analysis = |at: usize| format!("analysisId={}", analyses[at]["key"].as_str().unwrap());
    assert_eq!(
        (status(&analysis(1)), status(&analysis(0))),
        ("ERROR".to_owned(), "OK".to_owned())
    );
    // Issues that somebody resolves, or opens again, change the project's status, not what the analysis ended with.
    sonar.tool.triage("payments.checkout", "ERROR").unwrap();
    assert_eq!(
        (status(project), status(&analysis(0))),
        ("ERROR".to_owned(), "OK".to_owned())
    );
    let wrong = "/api/qualitygates/project_status";
    assert_eq!(sonar.get(wrong).0, 400);
    assert_eq!(sonar.get(&format!("{wrong}?{project}&analysisId=x")).0, 400);
    assert_eq!(sonar.get(&format!("{wrong}?analysisId=x")).0, 404);
    assert_eq!(sonar.get("/api/project_analyses/search?project=none").0, 404);
    assert!(sonar.tool.analyse("none", "aaaa", "OK").is_none());
}
