//! The operations of GitLab, and who is in their place.

use opstella_domain::naming::{QualityKey, RepositoryPath, SecretPath};
use opstella_domain::operation::{CiVariable, ComponentValues, Operation, VariableValue};
use opstella_domain::{ComponentName, Environment};
use serde_json::json;

use crate::support::service;
use crate::world::World;

pub const REPOSITORY: &str = "payments/checkout_api";
pub const URL: &str = "https://opstella.example/api/v1/webhooks/gitlab";

pub fn component() -> ComponentName {
    "api".parse().unwrap()
}

pub fn path() -> RepositoryPath {
    RepositoryPath::of(&service(), &component())
}

pub fn robot_secret() -> SecretPath {
    SecretPath::robot(&service())
}

pub fn webhook_secret() -> SecretPath {
    SecretPath::webhook(&service(), &component(), "gitlab")
}

pub fn group() -> Operation {
    Operation::GitlabGroup {
        group: "payments".parse().unwrap(),
    }
}

pub fn repository() -> Operation {
    Operation::GitlabProject { repository: path() }
}

pub fn files(only: Option<Environment>) -> Operation {
    let values = ComponentValues {
        project: "payments".parse().unwrap(),
        service: "checkout".parse().unwrap(),
        component: component(),
        environments: [Environment::Dev, Environment::Sit]
            .into_iter()
            .collect::<Vec<_>>()
            .try_into()
            .unwrap(),
        image: "harbor.example/payments_checkout/api".into(),
        quality_key: QualityKey::of(&service(), &component()),
        sonarqube_url: "https://sonar.example".into(),
        opstella_url: "https://opstella.example".into(),
    };
    Operation::GitlabFiles {
        repository: path(),
        template: serde_json::from_value(json!({"name": "rust-service", "version": "1.0.0"})).unwrap(),
        values: Box::new(values),
        only,
    }
}

pub fn overlay() -> Operation {
    files(Some(Environment::Uat))
}

pub fn protected() -> Operation {
    Operation::GitlabProtectedBranch { repository: path() }
}

pub fn environment() -> Operation {
    Operation::GitlabEnvironment {
        repository: path(),
        environment: Environment::Dev,
    }
}

pub fn plain(key: &str, value: &str) -> CiVariable {
    CiVariable {
        key: key.into(),
        value: VariableValue::Plain(value.into()),
    }
}

pub fn secret(key: &str, field: &str) -> CiVariable {
    CiVariable {
        key: key.into(),
        value: VariableValue::Secret {
            path: robot_secret(),
            field: field.into(),
        },
    }
}

pub fn these(variables: Vec<CiVariable>) -> Operation {
    Operation::GitlabVariables {
        repository: path(),
        variables,
    }
}

pub fn variables() -> Operation {
    these(vec![
        plain("OPSTELLA_IMAGE", "harbor.example/$x/api"),
        secret("OPSTELLA_REGISTRY_USER", "username"),
        secret("OPSTELLA_REGISTRY_PASSWORD", "password"),
    ])
}

pub fn webhook() -> Operation {
    Operation::GitlabWebhook {
        repository: path(),
        url: URL.into(),
        secret: webhook_secret(),
    }
}

/// All of them, as the plan orders them.
pub fn all() -> [Operation; 8] {
    [
        group(),
        repository(),
        files(None),
        overlay(),
        protected(),
        environment(),
        variables(),
        webhook(),
    ]
}

/// Those whose resource carries a mark of its own in a description, and what their errors name.
pub fn marked() -> [(Operation, &'static str); 5] {
    [
        (group(), "payments"),
        (repository(), REPOSITORY),
        (environment(), "payments/checkout_api: dev"),
        (variables(), "payments/checkout_api: OPSTELLA_REGISTRY_USER"),
        (webhook(), URL),
    ]
}

/// A GitLab with somebody else's in the place of an operation's resource.
pub async fn occupied(operation: &Operation) -> World {
    match operation {
        Operation::GitlabGroup { .. } => {
            let world = World::new().await;
            let body = json!({"name": "payments", "path": "payments", "description": "Ours."});
            world.post("groups", body).await;
            world
        }
        Operation::GitlabProject { .. } => {
            let world = World::before(operation, 9).await;
            world.foreign_repository().await;
            world
        }
        Operation::GitlabEnvironment { .. } => {
            // One that is there in a repository of ours was made by a job of ours.
            let world = World::with_adopted_repository().await;
            let body = json!({"name": "dev", "description": "Ours."});
            world.post_inside("environments", body).await;
            world
        }
        Operation::GitlabVariables { .. } => {
            let world = World::with_repository(9).await;
            let body = json!({"key": "OPSTELLA_REGISTRY_USER", "value": "theirs", "description": "Ours."});
            world.post_inside("variables", body).await;
            world
        }
        Operation::GitlabWebhook { .. } => {
            let world = World::with_repository(9).await;
            let body = json!({"url": URL, "name": "Theirs", "description": "Ours."});
            world.post_inside("hooks", body).await;
            world
        }
        other => panic!("nobody can be in the place of {other:?}"),
    }
}
