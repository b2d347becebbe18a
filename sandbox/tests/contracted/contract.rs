//! The checker itself: it must notice what it is there for.

use http::Method;
use opstella_sandbox::contract::{Exchange, Vendor, Violation};
use serde_json::{Value, json};

use crate::client::contract;

fn check(
    vendor: Vendor,
    method: Method,
    path: &str,
    sent: Option<&Value>,
    status: u16,
    got: Option<&Value>,
) -> Option<Result<(), Violation>> {
    let exchange = Exchange {
        method: &method,
        path,
        query: &[],
        request_body: sent,
        status,
        response_body: got,
    };
    contract(vendor).map(|c| c.check(&exchange))
}

#[test]
fn notices_unknown_routes_statuses_and_fields() {
    let Some(route) = check(Vendor::Harbor, Method::GET, "/api/v2.0/projectz", None, 200, None) else {
        return;
    };
    assert!(matches!(route, Err(Violation::UnknownRoute(..))), "{route:?}");
    let path = "/api/v2.0/projects";
    let status = check(Vendor::Harbor, Method::POST, path, None, 418, None).unwrap();
    assert!(
        matches!(status, Err(Violation::UnknownStatus { .. })),
        "{status:?}"
    );
    let sent = json!({ "project_name": "a", "publik": true });
    let body = check(Vendor::Harbor, Method::POST, path, Some(&sent), 201, None).unwrap();
    assert!(matches!(body, Err(Violation::RequestBody { .. })), "{body:?}");
    let got = json!([{ "project_id": "one" }]);
    let body = check(Vendor::Harbor, Method::GET, path, None, 200, Some(&got)).unwrap();
    assert!(matches!(body, Err(Violation::ResponseBody { .. })), "{body:?}");
}

#[test]
fn reads_every_dialect() {
    let quantity = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "q" },
                           "spec": { "hard": { "cpu": "2" } } });
    let path = "/api/v1/namespaces/a/resourcequotas";
    let Some(good) = check(
        Vendor::Kubernetes,
        Method::POST,
        path,
        Some(&quantity),
        201,
        Some(&quantity),
    ) else {
        return;
    };
    assert_eq!(good, Ok(()));
    let wrong = json!({ "metadata": { "name": 1 } });
    let bad = check(Vendor::Kubernetes, Method::POST, path, Some(&wrong), 201, None).unwrap();
    assert!(matches!(bad, Err(Violation::RequestBody { .. })), "{bad:?}");
    let policy = json!({ "policy": 7 });
    let path = "/v1/sys/policies/acl/a/b";
    let bad = check(Vendor::Vault, Method::PUT, path, Some(&policy), 204, None).unwrap();
    assert!(bad.is_err(), "{bad:?}");
}
