//! What is particular to each, on a real OpenBao: contents, rights, drift, and what an operator forgot to set up.

use std::time::Duration;

use http::Method;
use opstella_adapters::vault::Vault;
use opstella_adapters::{Removal, Removed, SecretStore, StepError, ToolAdapter};
use opstella_domain::tool_connection::{Connection, ToolSettings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Driven, INSTALLATION, connection, permanent, run};
use crate::world::{Server, World};

#[tokio::test]
async fn a_path_is_empty_at_first_and_never_overwritten() {
    let world = World::of(&Server::bao().await, "checkout");
    let operation = world.secret_path();
    world.ensure(&operation, 1).await;
    let data = format!("secret/data/{}", world.path());
    assert_eq!(world.get(&data).await["data"], json!({}));
    let custom = world.there(&operation).await["custom_metadata"].clone();
    let run = crate::support::run(1).to_string();
    assert_eq!(
        custom,
        json!({"managed_by": "opstella", "installation": INSTALLATION, "owner": "payments/checkout", "run": run})
    );
    world.post(&data, json!({"data": {"password": "theirs"}})).await;
    world.ensure(&operation, 1).await;
    world.ensure(&operation, 2).await;
    let there = world.get(&data).await;
    assert_eq!(
        (&there["data"]["password"], &there["metadata"]["version"]),
        (&json!("theirs"), &json!(2))
    );
}

/// The mark was written, and then the process died.
#[tokio::test]
async fn a_path_that_was_only_marked_is_completed() {
    let world = World::of(&Server::bao().await, "checkout");
    let run = crate::support::run(1).to_string();
    let custom = json!({"managed_by": "opstella", "installation": INSTALLATION, "owner": "payments/checkout", "run": run});
    let target = world.target(&world.secret_path());
    world.post(&target, json!({ "custom_metadata": custom })).await;
    world.ensure(&world.secret_path(), 1).await;
    let data = world.get(&format!("secret/data/{}", world.path())).await;
    assert_eq!(data["data"], json!({}));
}

#[tokio::test]
async fn decommissioning_takes_what_is_below_and_nothing_beside() {
    let server = Server::bao().await;
    let (world, other) = (World::of(&server, "checkout"), World::of(&server, "checkout-2"));
    for world in [&world, &other] {
        world.ensure(&world.secret_path(), 1).await;
        for below in ["database", "keys/a", "keys/b/c"] {
            let path = format!("secret/data/{}/{below}", world.path());
            world.post(&path, json!({"data": {"password": "theirs"}})).await;
        }
    }
    // Unwinding takes the path alone: what the team put below is not the run's.
    let list = |world: &World| format!("secret/metadata/{}?list=true", world.path());
    let unwound = world.remove(&world.secret_path(), 1, Removal::ThisRun).await;
    assert_eq!(unwound, Removed::Deleted);
    assert_eq!(
        world.get(&list(&world)).await["keys"],
        json!(["database", "keys/"])
    );
    world.ensure(&world.secret_path(), 1).await;
    let decommissioned = world.remove(&world.secret_path(), 2, Removal::Service).await;
    assert_eq!(decommissioned, Removed::Deleted);
    assert_eq!(world.get(&list(&world)).await, Value::Null);
    assert_eq!(
        other.get(&list(&other)).await["keys"],
        json!(["database", "keys/"])
    );
}

#[tokio::test]
async fn a_machine_reads_its_environment_and_nothing_else() {
    let server = Server::bao().await;
    let (world, other) = (World::of(&server, "checkout"), World::of(&server, "ledger"));
    for world in [&world, &other] {
        for which in 0..4 {
            world.ensure(&world.operation(which), 1).await;
        }
    }
    let role = world.target(&world.approle());
    let role_id = world.get(&format!("{role}/role-id")).await["role_id"].clone();
    let made = world.post(&format!("{role}/secret-id"), json!({})).await;
    let secret_id = made["data"]["secret_id"].clone();
    let login = json!({"role_id": role_id, "secret_id": secret_id});
    let login = world.post("auth/approle/login", login).await;
    let policies = &login["auth"]["token_policies"];
    let mark = mark(1);
    assert!(policies.to_string().contains(&mark), "{policies}");
    assert_eq!(login["auth"]["lease_duration"], 3600);
    let machine = world.with_token(login["auth"]["client_token"].as_str().unwrap());
    assert!(machine.read(&world.path()).await.unwrap().unwrap().is_empty());
    let error = machine.read(&other.path()).await.unwrap_err();
    assert!(permanent(&error).contains("the right to do this"), "{error}");
    permanent(
        &machine
            .write(
                &world.path(),
                Default::default(),
                &world.owner(1),
                Default::default(),
            )
            .await
            .unwrap_err(),
    );
}

#[tokio::test]
async fn drift_is_put_right() {
    let world = World::of(&Server::bao().await, "checkout");
    let drifts = [
        (
            world.policy(),
            json!({"policy": "MARK\npath \"secret/*\" { capabilities = [\"read\"] }\n"}),
        ),
        (
            world.kubernetes(),
            json!({"bound_service_account_namespaces": ["*"], "token_ttl": 7}),
        ),
        (world.kubernetes(), json!({"token_policies": ["MARK", "admin"]})),
        (world.approle(), json!({"token_max_ttl": 8, "token_ttl": 7})),
        (world.approle(), json!({"secret_id_ttl": 0})),
    ];
    for (operation, mut drift) in drifts {
        world.ensure(&operation, 1).await;
        let right = settings(world.there(&operation).await);
        if let Some(text) = drift["policy"].as_str() {
            let mark = right["policy"].as_str().unwrap().lines().next().unwrap();
            drift["policy"] = text.replace("MARK", mark).into();
        }
        if drift["token_policies"].is_array() {
            drift["token_policies"][0] = mark(1).into();
        }
        world.post(&world.target(&operation), drift).await;
        assert_ne!(settings(world.there(&operation).await), right, "{operation:?}");
        world.ensure(&operation, 2).await;
        assert_eq!(settings(world.there(&operation).await), right, "{operation:?}");
    }
}

/// The policy that marks a role of a run.
fn mark(number: u128) -> String {
    format!("opstella-{INSTALLATION}-run-{}", run(number))
}

/// What is there, without what counts how often it was written.
fn settings(mut there: Value) -> Value {
    let fields = there.as_object_mut().unwrap();
    fields.retain(|name, _| name != "modified" && name != "version");
    there
}

#[tokio::test]
async fn what_is_not_set_up_is_said() {
    let world = World::of(&Server::bao().await, "checkout");
    let settings = ToolSettings {
        kv_mount: Some("team/kv".into()),
        kubernetes_auth_mount: Some("cluster-1".into()),
        approle_mount: Some("machines".into()),
        ..ToolSettings::default()
    };
    let elsewhere = Connection {
        settings,
        ..connection(world.server.url())
    };
    let Server::Bao(bao) = &*world.server else {
        panic!()
    };
    let elsewhere = Vault::connect(&elsewhere, bao.root_token.clone().into()).unwrap();
    let context = world.context(1);
    let rows = [
        (
            world.secret_path(),
            "`bao secrets enable -path=team/kv kv-v2`",
            "settings.kv_mount",
        ),
        (
            world.kubernetes(),
            "`bao auth enable -path=cluster-1 kubernetes`",
            "settings.kubernetes_auth_mount",
        ),
        (
            world.approle(),
            "`bao auth enable -path=machines approle`",
            "settings.approle_mount",
        ),
    ];
    for (operation, command, setting) in rows {
        let text = permanent(&elsewhere.ensure(&operation, &context).await.unwrap_err());
        assert!(text.contains(command) && text.contains(setting), "{text}");
    }
    let error = elsewhere.read(&world.path()).await.unwrap_err();
    assert!(permanent(&error).contains("kv-v2"), "{error}");
    // Version 1 of the engine is none.
    world
        .post(
            "sys/mounts/team/kv",
            json!({"type": "kv", "options": {"version": "1"}}),
        )
        .await;
    let error = elsewhere
        .ensure(&world.secret_path(), &context)
        .await
        .unwrap_err();
    assert!(permanent(&error).contains("no KV version 2 engine"), "{error}");
    for mount in ["sys/mounts/team/kv", "sys/auth/cluster-1", "sys/auth/machines"] {
        world.call(Method::DELETE, mount, Value::Null).await;
    }
    world
        .post(
            "sys/mounts/team/kv",
            json!({"type": "kv", "options": {"version": "2"}}),
        )
        .await;
    world
        .post("sys/auth/cluster-1", json!({"type": "kubernetes"}))
        .await;
    world.post("sys/auth/machines", json!({"type": "approle"})).await;
    // OpenBao prepares a new engine for a moment.
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = elsewhere.ensure(&world.operation(0), &context).await {
        assert!(Instant::now() < deadline, "not prepared: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for which in 0..4 {
        elsewhere.ensure(&world.operation(which), &context).await.unwrap();
    }
    let text = world.get(&world.target(&world.policy())).await["policy"].to_string();
    assert!(text.contains("team/kv/data/payments/checkout/dev"), "{text}");
}

#[tokio::test]
async fn a_bad_token_is_unauthorised_and_a_weak_one_permanent() {
    let world = World::of(&Server::bao().await, "checkout");
    let health = world.adapter.health().await.unwrap();
    assert!(health.version.unwrap().starts_with("2."));
    let wrong = world.with_token("s.wrong");
    let made = world
        .post("auth/token/create", json!({"policies": ["default"]}))
        .await;
    let weak = world.with_token(made["auth"]["client_token"].as_str().unwrap());
    weak.health().await.unwrap();
    let context = world.context(1);
    let mut errors = vec![
        wrong.health().await.unwrap_err(),
        wrong.read(&world.path()).await.unwrap_err(),
    ];
    for which in 0..4 {
        let operation = world.operation(which);
        errors.push(wrong.ensure(&operation, &context).await.unwrap_err());
        errors.push(wrong.remove(&operation, &context).await.unwrap_err());
        let refused = [
            weak.ensure(&operation, &context).await.unwrap_err(),
            weak.remove(&operation, &context).await.unwrap_err(),
        ];
        for error in refused {
            assert!(permanent(&error).contains("the right to do this"), "{error}");
        }
    }
    for error in errors {
        assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");
        assert!(!error.to_string().contains("s.wrong"), "{error}");
    }
}
