use opstella_sandbox::contract::Vendor;
use opstella_sandbox::{SandboxTool, Vault};
use serde_json::{Value, json};

use crate::client::Client;

fn vault() -> Client<Vault> {
    Client::new(Vault::new("root"), Vendor::Vault, "x-vault-token", "root")
}

#[test]
fn health_needs_no_token_and_the_rest_does() {
    let v = vault();
    let none = [("x-vault-token", "")];
    assert_eq!(
        v.with(&none, "GET", "/v1/sys/health", Value::Null)
            .is(200)
            .at("/sealed"),
        false
    );
    assert_eq!(
        v.with(&none, "GET", "/v1/sys/init", Value::Null)
            .is(200)
            .at("/initialized"),
        true
    );
    v.with(&none, "GET", "/v1/sys/seal-status", Value::Null).is(200);
    let denied = v.with(&none, "GET", "/v1/secret/data/a", Value::Null).is(403);
    assert_eq!(denied.body, json!({ "errors": ["permission denied"] }));
    v.with(
        &[("x-vault-token", "wrong")],
        "GET",
        "/v1/sys/mounts",
        Value::Null,
    )
    .is(403);
    let bearer = [("x-vault-token", ""), ("authorization", "Bearer root")];
    let token = v
        .with(&bearer, "GET", "/v1/auth/token/lookup-self", Value::Null)
        .is(200);
    assert_eq!(token.at("/data/policies"), &json!(["root"]));
    let mounts = v.get("/v1/sys/mounts").is(200);
    assert_eq!(mounts.at("/data/secret~1/options/version"), "2");
    let methods = v.get("/v1/sys/auth").is(200);
    assert_eq!(methods.at("/data/approle~1/type"), "approle");
    assert_eq!(methods.at("/data/kubernetes~1/type"), "kubernetes");
}

#[test]
fn secrets_have_versions() {
    let v = vault();
    let path = "/v1/secret/data/payments/checkout/dev";
    assert_eq!(v.get(path).is(404).body, json!({ "errors": [] }));
    let first = v
        .post(path, json!({ "data": { "user": "a" }, "options": { "cas": 0 } }))
        .is(200);
    assert_eq!(first.at("/data/version"), 1);
    let refused = v
        .post(path, json!({ "data": {}, "options": { "cas": 0 } }))
        .is(400);
    assert!(
        refused
            .at("/errors/0")
            .as_str()
            .unwrap()
            .contains("check-and-set")
    );
    v.call("PUT", path, json!({ "data": { "user": "b", "pw": "c" } }))
        .is(200);
    assert_eq!(v.get(path).is(200).at("/data/data/user"), "b");
    assert_eq!(
        v.get(&format!("{path}?version=1")).is(200).at("/data/data/user"),
        "a"
    );
    v.with(
        &[("content-type", "application/merge-patch+json")],
        "PATCH",
        path,
        json!({ "data": { "pw": null } }),
    )
    .is(200);
    assert_eq!(v.get(path).is(200).at("/data/data"), &json!({ "user": "b" }));

    let meta = "/v1/secret/metadata/payments/checkout/dev";
    v.post(meta, json!({ "custom_metadata": { "managed-by": "opstella" } }))
        .is(204);
    let read = v.get(meta).is(200);
    assert_eq!(read.at("/data/custom_metadata/managed-by"), "opstella");
    assert_eq!(read.at("/data/current_version"), 3);
    assert_eq!(
        v.tool.state(),
        json!({ "secrets": ["secret/payments/checkout/dev"] })
    );

    v.delete(path).is(204);
    let gone = v.get(path).is(404);
    assert!(
        gone.at("/data/metadata/deletion_time")
            .as_str()
            .is_some_and(|t| !t.is_empty())
    );
    v.post(
        "/v1/secret/undelete/payments/checkout/dev",
        json!({ "versions": [3] }),
    )
    .is(204);
    v.get(path).is(200);
    v.post(
        "/v1/secret/destroy/payments/checkout/dev",
        json!({ "versions": [3] }),
    )
    .is(204);
    assert_eq!(v.get(path).is(404).at("/data/metadata/destroyed"), true);

    let list = v
        .call("LIST", "/v1/secret/metadata/payments", Value::Null)
        .is(200);
    assert_eq!(list.at("/data/keys"), &json!(["checkout/"]));
    let list = v.get("/v1/secret/metadata/payments/checkout/?list=true").is(200);
    assert_eq!(list.at("/data/keys"), &json!(["dev"]));
    v.delete(meta).is(204);
    v.call("LIST", "/v1/secret/metadata/payments", Value::Null)
        .is(404);
    assert_eq!(v.tool.state(), json!({}));
}

#[test]
fn policies_are_parsed() {
    let v = vault();
    let policy = "# ours\npath \"secret/data/payments/*\" {\n  capabilities = [\"read\", \"list\"]\n}\n";
    let path = "/v1/sys/policies/acl/payments-dev";
    v.call("PUT", path, json!({ "policy": policy })).is(204);
    assert_eq!(v.get(path).is(200).at("/data/policy"), policy);
    let list = v.call("LIST", "/v1/sys/policies/acl", Value::Null).is(200);
    assert_eq!(list.at("/data/keys"), &json!(["default", "payments-dev", "root"]));
    v.call(
        "PUT",
        path,
        json!({ "policy": "path \"a\" { capabilities = [\"fly\"] }" }),
    )
    .is(400);
    v.call("PUT", path, json!({ "policy": "path {" })).is(400);
    v.delete("/v1/sys/policies/acl/default").is(400);
    assert_eq!(v.tool.state()["policies"], json!(["payments-dev"]));
    v.delete(path).is(204);
    v.get(path).is(404);
}

#[test]
fn kubernetes_roles_live_and_die() {
    let v = vault();
    let config = json!({ "kubernetes_host": "https://kubernetes.default.svc" });
    v.post("/v1/auth/kubernetes/config", config).is(204);
    assert!(
        v.get("/v1/auth/kubernetes/config")
            .is(200)
            .at("/data/kubernetes_host")
            .is_string()
    );
    let path = "/v1/auth/kubernetes/role/checkout-dev";
    let role = json!({ "bound_service_account_names": ["checkout"], "token_policies": ["payments-dev"],
                       "bound_service_account_namespaces": "payments-checkout-dev", "token_ttl": "1h" });
    v.post(path, role).is(204);
    let read = v.get(path).is(200);
    assert_eq!(read.at("/data/token_ttl"), 3600);
    assert_eq!(
        read.at("/data/bound_service_account_namespaces"),
        &json!(["payments-checkout-dev"])
    );
    v.post(
        "/v1/auth/kubernetes/role/x",
        json!({ "bound_service_account_namespaces": ["a"] }),
    )
    .is(400);
    let list = v.call("LIST", "/v1/auth/kubernetes/role", Value::Null).is(200);
    assert_eq!(list.at("/data/keys"), &json!(["checkout-dev"]));
    assert_eq!(
        v.tool.state(),
        json!({ "kubernetes_roles": ["kubernetes/checkout-dev"] })
    );
    v.delete(path).is(204);
    v.get(path).is(404);
    v.call("LIST", "/v1/auth/kubernetes/role", Value::Null).is(404);
}

#[test]
fn an_approle_token_reaches_what_its_policy_allows() {
    let v = vault();
    let policy = r#"
        path "secret/data/payments/+/dev" { capabilities = ["create", "update", "read"] }
        path "secret/data/payments/secret/dev" { capabilities = ["deny"] }
        path "secret/metadata/payments/*" { capabilities = ["list"] }
    "#;
    v.call("PUT", "/v1/sys/policies/acl/dev", json!({ "policy": policy }))
        .is(204);
    let role = "/v1/auth/approle/role/checkout-dev";
    v.post(
        role,
        json!({ "token_policies": "dev", "secret_id_num_uses": 1, "token_ttl": "10m" }),
    )
    .is(204);
    assert_eq!(v.get(role).is(200).at("/data/token_policies"), &json!(["dev"]));
    let role_id = v
        .get(&format!("{role}/role-id"))
        .is(200)
        .at("/data/role_id")
        .clone();
    let secret = v.post(&format!("{role}/secret-id"), json!({})).is(200);
    let login = json!({ "role_id": role_id, "secret_id": secret.at("/data/secret_id") });
    let none = [("x-vault-token", "")];
    let answer = v
        .with(&none, "POST", "/v1/auth/approle/login", login.clone())
        .is(200);
    assert_eq!(answer.at("/auth/policies"), &json!(["default", "dev"]));
    assert_eq!(answer.at("/auth/lease_duration"), 600);
    v.with(&none, "POST", "/v1/auth/approle/login", login).is(400);
    v.post("/v1/auth/approle/role/nobody/secret-id", json!({}))
        .is(404);

    let token = answer.at("/auth/client_token").as_str().unwrap().to_owned();
    let own = [("x-vault-token", token.as_str())];
    let write = |path: &str| v.with(&own, "POST", path, json!({ "data": { "a": "b" } })).status;
    assert_eq!(write("/v1/secret/data/payments/checkout/dev"), 200);
    assert_eq!(write("/v1/secret/data/payments/checkout/prd"), 403);
    assert_eq!(write("/v1/secret/data/payments/secret/dev"), 403);
    v.with(&own, "GET", "/v1/secret/data/payments/checkout/dev", Value::Null)
        .is(200);
    v.with(
        &own,
        "DELETE",
        "/v1/secret/data/payments/checkout/dev",
        Value::Null,
    )
    .is(403);
    v.with(&own, "LIST", "/v1/secret/metadata/payments/checkout", Value::Null)
        .is(200);
    v.with(&own, "GET", "/v1/auth/token/lookup-self", Value::Null)
        .is(200);
    v.with(&own, "GET", "/v1/sys/policies/acl/dev", Value::Null)
        .is(403);
    v.with(&own, "POST", "/v1/auth/token/revoke-self", Value::Null)
        .is(204);
    v.with(&own, "GET", "/v1/auth/token/lookup-self", Value::Null)
        .is(403);
    v.delete(role).is(204);
    v.get(role).is(404);
}

#[test]
fn mounts_are_enabled_once() {
    let v = vault();
    v.post(
        "/v1/sys/mounts/kv",
        json!({ "type": "kv", "options": { "version": "2" } }),
    )
    .is(204);
    let taken = v
        .post(
            "/v1/sys/mounts/kv",
            json!({ "type": "kv", "options": { "version": "2" } }),
        )
        .is(400);
    assert_eq!(taken.at("/errors/0"), "path is already in use at kv/");
    v.post("/v1/kv/data/a", json!({ "data": { "x": "y" } })).is(200);
    v.post("/v1/sys/auth/kubernetes-prd", json!({ "type": "kubernetes" }))
        .is(204);
    assert_eq!(
        v.get("/v1/sys/auth/kubernetes-prd").is(200).at("/data/type"),
        "kubernetes"
    );
    assert_eq!(
        v.tool.state(),
        json!({ "mounts": ["kv"], "auth_methods": ["kubernetes-prd"], "secrets": ["kv/a"] })
    );
    v.delete("/v1/sys/mounts/kv").is(204);
    v.delete("/v1/sys/auth/kubernetes-prd").is(204);
    assert_eq!(v.tool.state(), json!({}));
}
