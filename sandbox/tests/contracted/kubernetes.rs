use opstella_sandbox::contract::Vendor;
use opstella_sandbox::{Kubernetes, SandboxTool};
use serde_json::{Value, json};

use crate::client::{Answer, Client};

fn cluster() -> Client<Kubernetes> {
    Client::new(
        Kubernetes::new("t0ken"),
        Vendor::Kubernetes,
        "authorization",
        "Bearer t0ken",
    )
}

fn namespace(k: &Client<Kubernetes>, name: &str, labels: Value) -> Answer {
    let body =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
    k.post("/api/v1/namespaces", body).is(201)
}

fn apply(k: &Client<Kubernetes>, path: &str, query: &str, body: Value) -> Answer {
    k.with(
        &[("content-type", "application/apply-patch+yaml")],
        "PATCH",
        &format!("{path}?{query}"),
        body,
    )
}

#[test]
fn credentials_are_checked() {
    let k = cluster();
    let path = "/api/v1/namespaces";
    let wrong = k
        .with(&[("authorization", "Bearer nope")], "GET", path, Value::Null)
        .is(401);
    assert_eq!(wrong.at("/reason"), "Unauthorized");
    let anonymous = k.with(&[("authorization", "")], "GET", path, Value::Null).is(403);
    assert!(
        anonymous
            .at("/message")
            .as_str()
            .unwrap()
            .contains("system:anonymous")
    );
    k.with(&[("authorization", "")], "GET", "/version", Value::Null)
        .is(200);
}

#[test]
fn discovery_names_every_kind() {
    let k = cluster();
    k.get("/api").is(200);
    k.get("/apis").is(200);
    k.get("/apis/rbac.authorization.k8s.io").is(200);
    let core = k.get("/api/v1").is(200);
    assert!(core.body.to_string().contains("resourcequotas"));
    let rbac = k.get("/apis/rbac.authorization.k8s.io/v1").is(200);
    assert!(rbac.body.to_string().contains("rolebindings"));
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                         "spec": { "resourceAttributes": { "verb": "create", "resource": "namespaces" } } });
    let review = k
        .post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        .is(201);
    assert_eq!(review.at("/status/allowed"), true);
}

#[test]
fn a_namespace_holds_things_and_takes_them_along() {
    let k = cluster();
    let made = namespace(
        &k,
        "pay-dev",
        json!({ "app.kubernetes.io/managed-by": "opstella" }),
    );
    assert_eq!(made.at("/status/phase"), "Active");
    let again = json!({ "metadata": { "name": "pay-dev" } });
    let taken = k.post("/api/v1/namespaces", again).is(409);
    assert_eq!(taken.at("/reason"), "AlreadyExists");
    assert_eq!(
        taken.at("/details"),
        &json!({ "name": "pay-dev", "kind": "namespaces" })
    );
    let bad = k
        .post("/api/v1/namespaces", json!({ "metadata": { "name": "Pay_Dev" } }))
        .is(422);
    assert_eq!(bad.at("/details/causes/0/field"), "metadata.name");
    k.get("/api/v1/namespaces/pay-dev/serviceaccounts/default")
        .is(200);

    let here = "/api/v1/namespaces/pay-dev";
    let quota = json!({ "metadata": { "name": "quota" }, "spec": { "hard": { "limits.cpu": "4" } } });
    let quota = k.post(&format!("{here}/resourcequotas"), quota).is(201);
    assert_eq!(quota.at("/status/used/limits.cpu"), "0");
    let limits = json!({ "metadata": { "name": "limits" },
                         "spec": { "limits": [{ "type": "Container", "default": { "cpu": "500m" } }] } });
    k.post(&format!("{here}/limitranges"), limits).is(201);
    k.post(
        &format!("{here}/serviceaccounts"),
        json!({ "metadata": { "name": "checkout" } }),
    )
    .is(201);
    let dockerconfig = json!({ "metadata": { "name": "pull" }, "type": "kubernetes.io/dockerconfigjson",
                               "stringData": { ".dockerconfigjson": "{\"auths\":{}}" } });
    let secret = k.post(&format!("{here}/secrets"), dockerconfig).is(201);
    assert_eq!(secret.at("/data/.dockerconfigjson"), "eyJhdXRocyI6e319");
    let empty = json!({ "metadata": { "name": "bad" }, "type": "kubernetes.io/dockerconfigjson" });
    k.post(&format!("{here}/secrets"), empty).is(422);
    let deny = json!({ "metadata": { "name": "default-deny" },
                       "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } });
    k.post(
        "/apis/networking.k8s.io/v1/namespaces/pay-dev/networkpolicies",
        deny,
    )
    .is(201);
    let binding = json!({ "metadata": { "name": "developers" },
                          "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" },
                          "subjects": [{ "kind": "Group", "name": "payments" }] });
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/pay-dev/rolebindings";
    let mut binding = k.post(bindings, binding).is(201).body;
    assert_eq!(binding["subjects"][0]["apiGroup"], "rbac.authorization.k8s.io");
    binding["roleRef"]["name"] = json!("view");
    k.call("PUT", &format!("{bindings}/developers"), binding).is(422);
    k.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/edit")
        .is(200);
    let missing = k
        .get("/apis/networking.k8s.io/v1/namespaces/pay-dev/networkpolicies/none")
        .is(404);
    assert_eq!(
        missing.at("/message"),
        "networkpolicies.networking.k8s.io \"none\" not found"
    );
    assert_eq!(missing.at("/details/group"), "networking.k8s.io");

    assert_eq!(
        k.tool.state(),
        json!({ "namespaces": ["pay-dev"], "resourcequotas": ["pay-dev/quota"],
                "limitranges": ["pay-dev/limits"], "serviceaccounts": ["pay-dev/checkout"],
                "secrets": ["pay-dev/pull"], "networkpolicies": ["pay-dev/default-deny"],
                "rolebindings": ["pay-dev/developers"] })
    );
    assert_eq!(
        k.delete(&format!("{here}/secrets/pull")).is(200).at("/status"),
        "Success"
    );
    let uid = json!({ "preconditions": { "uid": "somebody-else" } });
    k.call("DELETE", here, uid).is(409);
    assert_eq!(k.delete(here).is(200).at("/status/phase"), "Terminating");
    k.delete(here).is(404);
    k.post(
        &format!("{here}/secrets"),
        json!({ "metadata": { "name": "late" } }),
    )
    .is(404);
    k.delete("/api/v1/namespaces/default").is(403);
    assert_eq!(k.tool.state(), json!({}));
}

#[test]
fn lists_are_selected_and_continued() {
    let k = cluster();
    for n in 0..5 {
        let team = if n % 2 == 0 { "even" } else { "odd" };
        namespace(&k, &format!("ns-{n}"), json!({ "team": team }));
    }
    let names = |answer: &Answer| -> Vec<String> {
        let items = answer.at("/items").as_array().unwrap();
        items
            .iter()
            .map(|i| i["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let even = k.get("/api/v1/namespaces?labelSelector=team%3Deven").is(200);
    assert_eq!(names(&even), ["ns-0", "ns-2", "ns-4"]);
    let either = k
        .get("/api/v1/namespaces?labelSelector=team+in+(even,odd),team!%3Dodd")
        .is(200);
    assert_eq!(names(&either).len(), 3);
    let first = k.get("/api/v1/namespaces?labelSelector=team&limit=2").is(200);
    assert_eq!(names(&first), ["ns-0", "ns-1"]);
    assert_eq!(first.at("/metadata/remainingItemCount"), 3);
    let token = first.at("/metadata/continue").as_str().unwrap();
    let rest = k
        .get(&format!(
            "/api/v1/namespaces?labelSelector=team&limit=3&continue={token}"
        ))
        .is(200);
    assert_eq!(names(&rest), ["ns-2", "ns-3", "ns-4"]);
    assert!(rest.at("/metadata/continue").is_null());
    let one = k
        .get("/api/v1/namespaces?fieldSelector=metadata.name%3Dns-3")
        .is(200);
    assert_eq!(names(&one), ["ns-3"]);
    assert_eq!(names(&k.get("/api/v1/configmaps").is(200)).len(), 9);
}

#[test]
fn updates_carry_a_version() {
    let k = cluster();
    namespace(&k, "a", json!({}));
    let maps = "/api/v1/namespaces/a/configmaps";
    let made = k
        .post(maps, json!({ "metadata": { "name": "m" }, "data": { "x": "1" } }))
        .is(201)
        .body;
    let path = format!("{maps}/m");
    let mut changed = made.clone();
    changed["data"]["x"] = json!("2");
    let stored = k.call("PUT", &path, changed.clone()).is(200);
    assert_ne!(
        stored.at("/metadata/resourceVersion"),
        &made["metadata"]["resourceVersion"]
    );
    assert_eq!(stored.at("/metadata/uid"), &made["metadata"]["uid"]);
    let stale = k.call("PUT", &path, changed).is(409);
    assert_eq!(stale.at("/reason"), "Conflict");
    let merge = [("content-type", "application/merge-patch+json")];
    let patched = k
        .with(&merge, "PATCH", &path, json!({ "data": { "x": null, "y": "3" } }))
        .is(200);
    assert_eq!(patched.at("/data"), &json!({ "y": "3" }));
    let same = k
        .with(&merge, "PATCH", &path, json!({ "data": { "y": "3" } }))
        .is(200);
    assert_eq!(
        same.at("/metadata/resourceVersion"),
        patched.at("/metadata/resourceVersion")
    );
    let steps = json!([{ "op": "test", "path": "/data/y", "value": "3" },
                       { "op": "add", "path": "/data/z", "value": "4" }]);
    let json_patch = [("content-type", "application/json-patch+json")];
    assert_eq!(
        k.with(&json_patch, "PATCH", &path, steps).is(200).at("/data/z"),
        "4"
    );
    k.with(&[("content-type", "text/plain")], "PATCH", &path, json!({}))
        .is(415);
}

#[test]
fn apply_creates_and_owns_fields() {
    let k = cluster();
    let body = |data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": data });
    let path = "/api/v1/namespaces/a/configmaps/m";
    apply(&k, path, "fieldManager=ours", body(json!({}))).is(404);
    namespace(&k, "a", json!({}));
    apply(&k, path, "", body(json!({}))).is(400);
    let made = apply(&k, path, "fieldManager=ours", body(json!({ "x": "1", "y": "1" }))).is(201);
    assert_eq!(made.at("/metadata/managedFields/0/manager"), "ours");
    assert_eq!(made.at("/metadata/managedFields/0/operation"), "Apply");
    let again = apply(&k, path, "fieldManager=ours", body(json!({ "x": "1", "y": "1" }))).is(200);
    assert_eq!(
        again.at("/metadata/resourceVersion"),
        made.at("/metadata/resourceVersion")
    );
    // Another manager may add, but not change, without force.
    apply(&k, path, "fieldManager=theirs", body(json!({ "z": "1" }))).is(200);
    let conflict = apply(
        &k,
        path,
        "fieldManager=theirs",
        body(json!({ "x": "2", "z": "1" })),
    )
    .is(409);
    assert_eq!(conflict.at("/details/causes/0/field"), ".data.x");
    apply(
        &k,
        path,
        "fieldManager=theirs&force=true",
        body(json!({ "x": "2", "z": "1" })),
    )
    .is(200);
    // What a manager no longer applies goes away, unless another owns it.
    let last = apply(&k, path, "fieldManager=ours", body(json!({}))).is(200);
    assert_eq!(last.at("/data"), &json!({ "x": "2", "z": "1" }));
}
