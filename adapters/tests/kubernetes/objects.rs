//! What the objects hold, and how they are brought up to date.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opstella_adapters::{Removal, Removed, StepError};
use opstella_domain::Environment;
use opstella_domain::resource::Provenance;
use serde_json::{Value, json};

use crate::world::{Case, NAMESPACE, REGISTRY, World, a_run, cases, cases_in, robot};

async fn made(world: &World, cases: &[Case], index: usize) -> Value {
    let run = a_run();
    world.ensure(&cases[0].operation, run).await.unwrap();
    world.ensure(&cases[index].operation, run).await.unwrap();
    world.get(&cases[index].path()).await
}

#[tokio::test]
async fn a_namespace_is_labelled() {
    let namespace = made(&World::new().await, &cases(), 0).await;
    let labels = &namespace["metadata"]["labels"];
    assert_eq!(labels["opstella.io/environment"], "dev");
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
}

#[tokio::test]
async fn a_quota_grows_towards_production() {
    for (environment, pods, memory) in [
        (Environment::Dev, "30", "8Gi"),
        (Environment::Sit, "30", "8Gi"),
        (Environment::Uat, "30", "8Gi"),
        (Environment::Pre, "100", "32Gi"),
        (Environment::Prd, "100", "32Gi"),
    ] {
        let quota = made(&World::new().await, &cases_in(environment), 1).await;
        let hard = &quota["spec"]["hard"];
        assert_eq!(
            (&hard["pods"], &hard["requests.memory"]),
            (&json!(pods), &json!(memory))
        );
        assert_eq!(hard["services.loadbalancers"], "0");
    }
}

#[tokio::test]
async fn containers_have_defaults() {
    let limits = made(&World::new().await, &cases(), 2).await;
    let defaults = json!([{ "type": "Container", "default": { "cpu": "500m", "memory": "512Mi" },
                            "defaultRequest": { "cpu": "100m", "memory": "128Mi" } }]);
    assert_eq!(limits["spec"]["limits"], defaults);
}

#[tokio::test]
async fn the_network_is_closed_but_for_names_and_own_pods() {
    let policy = made(&World::new().await, &cases(), 3).await;
    let system = json!({ "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } });
    let dns = json!([{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }]);
    let closed = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [],
                         "egress": [{ "to": [{ "podSelector": {} }] },
                                    { "to": [{ "namespaceSelector": system }], "ports": dns }] });
    assert_eq!(policy["spec"], closed);
}

#[tokio::test]
async fn the_account_mounts_no_token_and_pulls() {
    let account = made(&World::new().await, &cases(), 4).await;
    assert_eq!(account["automountServiceAccountToken"], false);
    assert_eq!(account["imagePullSecrets"], json!([{ "name": "registry-pull" }]));
}

#[tokio::test]
async fn people_edit_in_dev_and_view_elsewhere() {
    for environment in Environment::all() {
        let binding = made(&World::new().await, &cases_in(environment), 5).await;
        let role = if environment == Environment::Dev {
            "edit"
        } else {
            "view"
        };
        assert_eq!(
            binding["roleRef"],
            json!({ "kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io" })
        );
        let group = json!([{ "kind": "Group", "name": "opstella:payments",
                             "apiGroup": "rbac.authorization.k8s.io" }]);
        assert_eq!(binding["subjects"], group);
    }
}

fn credentials(secret: &Value) -> Value {
    assert_eq!(secret["type"], "kubernetes.io/dockerconfigjson");
    let encoded = secret["data"][".dockerconfigjson"].as_str().unwrap();
    let config: Value = serde_json::from_slice(&STANDARD.decode(encoded).unwrap()).unwrap();
    config["auths"][REGISTRY].clone()
}

#[tokio::test]
async fn the_pull_secret_follows_the_robots_credential() {
    let (world, cases) = (World::new().await, cases());
    let secret = made(&world, &cases, 6).await;
    let expected = json!({ "username": "robot$ci", "password": "hunter2",
                           "auth": STANDARD.encode("robot$ci:hunter2") });
    assert_eq!(credentials(&secret), expected);
    world
        .secrets
        .keep(&robot(), &[("username", "robot$ci"), ("password", "changed")]);
    let provenance = world.ensure(&cases[6].operation, a_run()).await.unwrap();
    assert_eq!(provenance, Provenance::Existing);
    let changed = world.get(&cases[6].path()).await;
    assert_eq!(credentials(&changed)["password"], "changed");
    assert_eq!(
        changed["metadata"]["annotations"],
        secret["metadata"]["annotations"]
    );
}

#[tokio::test]
async fn without_a_credential_there_is_no_pull_secret() {
    let (world, cases) = (World::new().await, cases());
    world.prepare(&cases[6], a_run()).await;
    world.secrets.keep(&robot(), &[("username", "robot$ci")]);
    let half = world.ensure(&cases[6].operation, a_run()).await.unwrap_err();
    world.secrets.0.lock().unwrap().clear();
    let none = world.ensure(&cases[6].operation, a_run()).await.unwrap_err();
    for error in [half, none] {
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        assert!(error.to_string().contains("harbor.robot"), "{error}");
        assert!(error.to_string().contains(robot().as_str()), "{error}");
    }
    // Its removal asks for none.
    let removed = world.remove(&cases[6].operation, a_run(), Removal::Service).await;
    assert_eq!(removed, Removed::Absent);
}

#[tokio::test]
async fn drift_is_mended_and_a_teams_own_additions_stay() {
    let closed = json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "privileged" } } });
    let drifts = [
        closed,
        json!({ "spec": { "hard": { "pods": "1000" } } }),
        json!({ "spec": { "limits": [{ "type": "Container", "default": { "cpu": "8" } }] } }),
        json!({ "spec": { "ingress": [{}], "egress": [{}],
                          "podSelector": { "matchLabels": { "app": "x" } } } }),
        json!({ "automountServiceAccountToken": true, "imagePullSecrets": [{ "name": "theirs" }] }),
        json!({ "subjects": [{ "kind": "User", "name": "mallory" }] }),
        json!({ "data": { ".dockerconfigjson": "e30=" } }),
    ];
    for (case, drift) in cases().iter().zip(drifts) {
        let (world, run) = (World::new().await, a_run());
        world.prepare(case, run).await;
        world.ensure(&case.operation, run).await.unwrap();
        let before = world.get(&case.path()).await;
        world.patch(&case.path(), drift).await;
        let theirs = json!({ "metadata": { "labels": { "team": "a" }, "annotations": { "note": "b" } } });
        world.patch(&case.path(), theirs).await;
        let provenance = world.ensure(&case.operation, a_run()).await.unwrap();
        assert_eq!(provenance, Provenance::Existing);
        let mut after = world.get(&case.path()).await;
        assert_eq!(after["metadata"]["labels"]["team"], "a");
        assert_eq!(after["metadata"]["annotations"]["note"], "b");
        if case.name == "workload" {
            let both = json!([{ "name": "theirs" }, { "name": "registry-pull" }]);
            assert_eq!(after["imagePullSecrets"], both);
            after["imagePullSecrets"] = before["imagePullSecrets"].clone();
        }
        for (key, value) in before.as_object().unwrap() {
            if key == "metadata" {
                assert_eq!(after[key]["annotations"]["opstella.io/run"], run.to_string());
                assert_eq!(after[key]["uid"], value["uid"]);
            } else {
                assert_eq!(&after[key], value, "{key} of {}", case.name);
            }
        }
    }
}

#[tokio::test]
async fn a_role_that_is_another_one_is_bound_anew_and_stays_its_runs() {
    let (world, first) = (World::new().await, a_run());
    let (dev, prd) = (cases_in(Environment::Dev), cases_in(Environment::Prd));
    world.ensure(&dev[0].operation, first).await.unwrap();
    world.ensure(&dev[5].operation, first).await.unwrap();
    let later = a_run();
    let provenance = world.ensure(&prd[5].operation, later).await.unwrap();
    assert_eq!(provenance, Provenance::Existing);
    let binding = world.get(&prd[5].path()).await;
    assert_eq!(binding["roleRef"]["name"], "view");
    assert_eq!(
        binding["metadata"]["annotations"]["opstella.io/run"],
        first.to_string()
    );
    let unwound = world.remove(&prd[5].operation, later, Removal::ThisRun).await;
    assert_eq!(unwound, Removed::Kept);
}

#[tokio::test]
async fn what_cannot_be_changed_is_not_adopted() {
    let (world, run) = (World::new().await, a_run());
    let cases = cases_in(Environment::Prd);
    world.prepare(&cases[5], run).await;
    for (case, field, mut foreign) in [
        (
            &cases[1],
            "spec/scopes",
            json!({ "spec": { "hard": { "pods": "1" }, "scopes": ["BestEffort"] } }),
        ),
        (&cases[5], "roleRef", cases[5].foreign.clone()), // its role is `edit`
        (&cases[6], "type", json!({ "type": "Opaque" })),
    ] {
        foreign["metadata"] = json!({ "name": case.name, "namespace": NAMESPACE });
        let before = world.post(&case.collection, foreign).await;
        let error = world.adopt(&case.operation, run).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        assert!(error.to_string().contains(field), "{error}");
        assert!(error.to_string().contains(case.name), "{error}");
        assert_eq!(world.get(&case.path()).await, before);
    }
}
