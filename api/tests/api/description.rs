//! The OpenAPI description: a golden file, complete, and shown by pages that load nothing from elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::Server;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/openapi.json")
}

fn description() -> Value {
    serde_json::from_str(opstella_api::openapi::text()).unwrap()
}

/// Method, path and operation of everything that can be asked.
fn operations(api: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                all.push((method.to_owned(), path.clone(), operation.clone()));
            }
        }
    }
    assert!(all.len() > 20, "{} operations", all.len());
    all
}

#[test]
fn the_golden_file_is_what_the_program_prints() {
    let printed = Command::new(env!("CARGO_BIN_EXE_opstella"))
        .arg("openapi")
        .output()
        .unwrap();
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
        std::fs::write(golden(), &printed).unwrap();
    }
    assert!(
        std::fs::read_to_string(golden()).unwrap_or_default() == printed,
        "the API is no longer as schema/openapi.json describes it: run the test with OPSTELLA_UPDATE_GOLDEN=1, and \
         review that clients of the released API can go on as before"
    );
    let check = |file: &Path| {
        Command::new(env!("CARGO_BIN_EXE_opstella"))
            .args(["openapi", "--check"])
            .arg(file)
            .output()
            .unwrap()
    };
    assert!(check(&golden()).status.success());
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("openapi.json");
    std::fs::write(&other, "{}\n").unwrap();
    let refused = check(&other);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("is not what this program serves"), "{said}");
    assert_eq!(check(&folder.path().join("none")).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_golden_file_is_what_the_server_serves() {
    let server = Server::start().await;
    // Without a token: who wants to know how to get one has none yet.
    let url = format!("{}/api/openapi.json", server.base);
    let answer = server.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let kept = std::fs::read_to_string(golden()).unwrap();
    assert!(answer.text().await.unwrap() == kept, "not schema/openapi.json");
    server.stop().await;
}

#[test]
fn every_operation_is_described_in_full() {
    let api = description();
    let version = api["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1."), "{version}");
    let scheme = &api["components"]["securitySchemes"]["bearer"];
    assert_eq!(scheme["scheme"], "bearer");
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&api) {
        let name = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty(), "{name} has no operationId");
        assert!(ids.insert(id.to_owned()), "{name}: {id} is there twice");
        assert!(operation["summary"].is_string(), "{name} has no summary");
        assert!(!operation["tags"].as_array().unwrap().is_empty(), "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with(['2', '3'])),
            "{name}"
        );
        // The probes take no token; all else does.
        let guarded = path.starts_with("/api/v1/");
        // There, a cookie counts, and nothing is a command with a key.
        let signing = path.starts_with("/auth/");
        assert!(signing || guarded == responses.contains_key("401"), "{name}: 401");
        // What tools send is signed by them, each in its way.
        let webhook = path.starts_with("/api/v1/webhooks/");
        let security = &operation["security"][0];
        assert_eq!(guarded, security.is_object(), "{name}");
        assert_eq!(guarded && !webhook, security["bearer"].is_array(), "{name}");
        let mut problems = 0;
        for (status, response) in responses {
            if !status.starts_with(['4', '5']) || path == "/readyz" && status == "503" {
                continue;
            }
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{name}: {status}");
            problems += 1;
        }
        assert!(problems > 0, "{name} has no problem");
        for parameter in path.split('{').skip(1) {
            let parameter = parameter.split('}').next().unwrap();
            let described = operation["parameters"].as_array().unwrap();
            let described = described
                .iter()
                .any(|p| p["in"] == "path" && p["name"] == parameter && p["required"] == true);
            assert!(described, "{name}: {parameter}");
        }
        if method != "get" && !signing {
            let none = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&none);
            assert_ne!(
                webhook,
                parameters.iter().any(|p| p["name"] == "Idempotency-Key"),
                "{name}"
            );
            assert!(operation["requestBody"].is_object(), "{name} has no body");
        }
    }
}

#[test]
fn no_reference_hangs_in_the_air() {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let api = description();
    let mut references = BTreeSet::new();
    collect(&api, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap_or(&reference);
        assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_load_nothing_from_elsewhere() {
    let server = Server::start().await;
    let read = async |path: &str| {
        let answer = server
            .http
            .get(format!("{}{path}", server.base))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        answer.text().await.unwrap()
    };
    // The client follows the redirection.
    for path in ["/api/docs", "/api/docs/"] {
        let page = read(path).await;
        assert!(page.contains("swagger-ui"), "{page}");
        for part in page.split(['"', '\'']) {
            let elsewhere = part.starts_with("//") || part.contains("://");
            assert!(!elsewhere, "the page refers to {part}");
        }
    }
    let initializer = read("/api/docs/swagger-initializer.js").await;
    assert!(initializer.contains("/api/openapi.json"), "{initializer}");
    for file in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        assert!(read(&format!("/api/docs/{file}")).await.len() > 10_000, "{file}");
    }
    let missing = server.get("//api/docs/none.js").await;
    missing.problem(404, "no-such-route");
    server.stop().await;
}
