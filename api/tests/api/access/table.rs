//! Every route of the description, walked with every role and with none: the answers are what the table says.

use opstella_domain::access::{Role, Roles, Scope, table};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{member, shown};
use crate::resources::ended;
use crate::support::Server;

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// The handler is reached; what it makes of an empty body is its own affair.
    In,
    Unauthenticated,
    Forbidden,
    Hidden,
}

/// Somebody with roles in `payments`.
struct Somebody {
    name: String,
    token: Option<String>,
    held: Roles,
}

/// An operation of the description.
struct Operation {
    id: String,
    method: Method,
    path: String,
    /// Names the project, where that is not in the path.
    query: &'static str,
}

fn operations() -> Vec<Operation> {
    let api: Value = serde_json::from_str(opstella_api::openapi::text()).unwrap();
    let mut all = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let either = table::rule(id).is_some_and(|rule| matches!(rule.scope, Scope::Either(_)));
            let queries: &[_] = if either { &["", "?project=payments"] } else { &[""] };
            for query in queries {
                all.push(Operation {
                    id: id.to_owned(),
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    query,
                });
            }
        }
    }
    assert!(all.len() > 30, "{} operations", all.len());
    all
}

#[test]
fn every_operation_has_a_row() {
    for operation in operations() {
        assert!(
            table::rule(&operation.id).is_some(),
            "{} {} ({}) has no row in domain/src/access/table.rs",
            operation.method,
            operation.path,
            operation.id
        );
    }
}

/// People and machines with each role, by token and by membership; of another project; of none; and nobody.
async fn everybody(server: &Server) -> Vec<Somebody> {
    let person = Roles::of(&[Role::Person]);
    let issue = |name: &str, claims: Value| {
        let mut all = json!({"sub": name, "preferred_username": name});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        Some(server.keycloak().issue(all))
    };
    let machine = |name: &str, groups: Value| {
        let account = format!("service-account-{name}");
        let claims = json!({"client_id": name, "preferred_username": account, "groups": groups});
        issue(name, claims)
    };
    let mut all = vec![
        Somebody {
            name: "nobody".into(),
            token: None,
            held: Roles::NONE,
        },
        Somebody {
            name: "a machine of another project".into(),
            token: machine("elsewhere", json!(["project:other:ci"])),
            held: Roles::NONE,
        },
        Somebody {
            name: "the owner of another project".into(),
            token: issue("other", json!({"groups": ["project:other:owner"]})),
            held: person,
        },
    ];
    for role in Role::all() {
        let slug = role.slug();
        let group = json!({"groups": [format!("project:payments:{slug}")]});
        let roles = json!({"realm_access": {"roles": [slug]}});
        let (token, held) = match role {
            Role::Person => (issue("person", json!({})), person),
            Role::Ci => (
                machine("ci", json!(["project:payments:ci"])),
                Roles::of(&[Role::Ci]),
            ),
            Role::Auditor => (issue(slug, roles), Roles::of(&[role])),
            role if role.is_global() => (issue(slug, roles), person.and(Roles::of(&[role]))),
            role => {
                let name = format!("{slug}-by-membership");
                let granted = server
                    .post("/projects/payments/members", member(&name, slug))
                    .await;
                shown(server, &granted.expect(200)).await;
                all.push(Somebody {
                    token: issue(&name, json!({})),
                    name,
                    held: person.and(Roles::of(&[role])),
                });
                (issue(slug, group), person.and(Roles::of(&[role])))
            }
        };
        all.push(Somebody {
            name: slug.to_owned(),
            token,
            held,
        });
    }
    all
}

/// What the table says.
fn expected(operation: &Operation, somebody: &Somebody) -> Way {
    let rule = table::rule(&operation.id).unwrap();
    // Whoever has a token, and whatever roles: it is no signature.
    if operation.path.starts_with("/api/v1/webhooks/") {
        return Way::Unauthenticated;
    }
    if rule.scope == Scope::Open {
        return Way::In;
    }
    if somebody.token.is_none() {
        return Way::Unauthenticated;
    }
    let one = |name: &str| operation.path.contains(name);
    let named = !operation.query.is_empty();
    let about_one = one("{project}") || one("{run}") || one("{position}") || named;
    let may = somebody.held.meets(rule.needed(about_one));
    match rule.scope {
        Scope::Each if !about_one => Way::In,
        _ if may => Way::In,
        Scope::Platform => Way::Forbidden,
        _ if about_one && !table::reads(somebody.held) => Way::Hidden,
        _ => Way::Forbidden,
    }
}

/// A promotion or waiver that nobody made, and the digest of no report.
const NOBODYS: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Whether the path leads to something within a project that this test does not make.
fn within(path: &str) -> bool {
    [
        "{promotion}",
        "{waiver}",
        "{digest}",
        "releases/{version}",
        "subscriptions/{name}",
    ]
    .iter()
    .any(|part| path.contains(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_lets_in() {
    let server = Server::start_with(|config| {
        config.limits.requests_per_second = 10_000;
        config.limits.burst = 10_000;
        let argocd = "argocd-webhook".parse().unwrap();
        config.credentials.insert(argocd, "not a JWT".into());
    })
    .await;
    let made = server.with_service().await;
    let run = made.body["run"].as_str().unwrap().to_owned();
    ended(&server, &run, "succeeded").await;
    let people = everybody(&server).await;
    let event = server.get("/events?project=payments&limit=1").await.expect(200);
    let template = server.get("/templates/http-service").await.expect(200);
    let samples = [
        ("{project}", "payments"),
        ("{service}", "checkout"),
        ("{run}", run.rsplit('/').next().unwrap()),
        ("{template}", "http-service"),
        ("{version}", template.body["latest"].as_str().unwrap()),
        ("{tool}", "gitlab"),
        ("{name}", "main"),
        ("{environment}", "SIT"),
        ("{promotion}", NOBODYS),
        ("{waiver}", NOBODYS),
        ("{digest}", DIGEST),
        ("{delivery}", "1-1"),
        ("{position}", event.body["items"][0]["position"].as_str().unwrap()),
    ];
    let mut wrong = Vec::new();
    for operation in operations() {
        if operation.path.starts_with("/auth/") {
            // What they ask for is a cookie, not a role: signin/ tests them.
            assert_eq!(table::rule(&operation.id).unwrap().scope, Scope::Open);
            continue;
        }
        let mut path = operation.path.clone();
        for (name, value) in samples {
            path = path.replace(name, value);
        }
        assert!(!path.contains('{'), "{path}: there is no sample for a parameter");
        path.push_str(operation.query);
        for somebody in &people {
            let url = format!("{}{path}", server.base);
            let mut request = server.http.request(operation.method.clone(), url);
            if let Some(token) = &somebody.token {
                request = request.bearer_auth(token);
            }
            if operation.method != Method::GET {
                request = request.json(&json!({}));
            }
            let response = request.send().await.unwrap();
            let way = match response.status() {
                StatusCode::UNAUTHORIZED => Way::Unauthenticated,
                StatusCode::FORBIDDEN => Way::Forbidden,
                // What is asked for within the project is not there; the project was not hidden.
                StatusCode::NOT_FOUND if within(&operation.path) => {
                    let problem: serde_json::Value = response.json().await.unwrap();
                    match problem["detail"].as_str().unwrap().starts_with("project ") {
                        true => Way::Hidden,
                        false => Way::In,
                    }
                }
                StatusCode::NOT_FOUND => Way::Hidden,
                status => {
                    let bad = [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::BAD_REQUEST];
                    let reached = status.is_success() || bad.contains(&status);
                    assert!(reached, "{} as {}: {status}", operation.id, somebody.name);
                    Way::In
                }
            };
            let meant = expected(&operation, somebody);
            if way != meant {
                let who = &somebody.name;
                wrong.push(format!(
                    "{}{} as {who}: {way:?} instead of {meant:?}",
                    operation.id, operation.query
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    server.stop().await;
}
