//! What a Vault holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::acl::Rules;

#[derive(Debug, Default)]
pub(super) struct Version {
    pub(super) data: Option<Value>,
    pub(super) created: String,
    pub(super) deleted: Option<String>,
    pub(super) destroyed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Secret {
    pub(super) created: String,
    pub(super) updated: String,
    pub(super) current: u64,
    pub(super) versions: BTreeMap<u64, Version>,
    pub(super) custom_metadata: Option<Value>,
    pub(super) max_versions: u64,
    pub(super) cas_required: bool,
}

/// A KV v2 engine.
#[derive(Debug, Default)]
pub(super) struct Engine {
    pub(super) description: String,
    pub(super) uuid: String,
    pub(super) max_versions: u64,
    pub(super) cas_required: bool,
    pub(super) secrets: BTreeMap<String, Secret>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthKind {
    Kubernetes,
    AppRole,
}

#[derive(Debug, Default)]
pub(super) struct AppRole {
    /// As read back.
    pub(super) settings: Map<String, Value>,
    pub(super) role_id: String,
    /// By the secret itself.
    pub(super) secret_ids: BTreeMap<String, SecretId>,
}

#[derive(Debug, Clone)]
pub(super) struct SecretId {
    pub(super) accessor: String,
    pub(super) created: String,
    pub(super) ttl: u64,
    /// Uses left; `None` is without limit.
    pub(super) uses: Option<u64>,
    pub(super) metadata: Value,
}

#[derive(Debug)]
pub(super) struct AuthMount {
    pub(super) kind: AuthKind,
    pub(super) description: String,
    pub(super) uuid: String,
    pub(super) config: Option<Value>,
    /// Kubernetes roles as read back.
    pub(super) roles: BTreeMap<String, Value>,
    pub(super) app_roles: BTreeMap<String, AppRole>,
}

impl AuthMount {
    pub(super) fn new(kind: AuthKind, description: String) -> Self {
        let uuid = uuid::Uuid::new_v4().to_string();
        Self {
            kind,
            description,
            uuid,
            config: None,
            roles: BTreeMap::new(),
            app_roles: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) accessor: String,
    pub(super) policies: Vec<String>,
    pub(super) path: String,
    pub(super) display_name: String,
    pub(super) meta: Value,
    pub(super) created: i64,
    /// Seconds; 0 lives for ever.
    pub(super) ttl: u64,
}

#[derive(Debug)]
pub(super) struct Policy {
    pub(super) text: String,
    pub(super) rules: Rules,
}

#[derive(Debug)]
pub(super) struct Store {
    /// By mount path, with the slash at its end.
    pub(super) engines: BTreeMap<String, Engine>,
    /// Likewise, without `auth/`.
    pub(super) auth: BTreeMap<String, AuthMount>,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) tokens: BTreeMap<String, Token>,
}

/// What every installation comes with.
const DEFAULT_POLICY: &str = r#"
path "auth/token/lookup-self" { capabilities = ["read", "update"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/internal/ui/mounts/*" { capabilities = ["read"] }
"#;

impl Store {
    pub(super) fn fresh(root_token: String) -> Self {
        let mut store = Self {
            engines: BTreeMap::from([("secret/".to_owned(), Engine::new("key/value secret storage"))]),
            auth: BTreeMap::from([
                (
                    "approle/".to_owned(),
                    AuthMount::new(AuthKind::AppRole, String::new()),
                ),
                (
                    "kubernetes/".to_owned(),
                    AuthMount::new(AuthKind::Kubernetes, String::new()),
                ),
            ]),
            policies: BTreeMap::new(),
            tokens: BTreeMap::new(),
        };
        let rules = Rules::parse(DEFAULT_POLICY).unwrap_or_default();
        store.policies.insert(
            "default".to_owned(),
            Policy {
                text: DEFAULT_POLICY.trim().to_owned(),
                rules,
            },
        );
        store.tokens.insert(
            root_token.clone(),
            Token {
                id: root_token,
                accessor: uuid::Uuid::new_v4().simple().to_string(),
                policies: vec!["root".to_owned()],
                path: "auth/token/root".to_owned(),
                display_name: "root".to_owned(),
                meta: Value::Null,
                created: chrono::Utc::now().timestamp(),
                ttl: 0,
            },
        );
        store
    }

    /// The engine that serves a path, and the path below it: the longest mount that fits.
    pub(super) fn mount_of(&self, path: &str) -> Option<(String, String)> {
        longest(self.engines.keys(), path)
    }

    /// The auth method that serves a path below `auth/`.
    pub(super) fn auth_of(&self, path: &str) -> Option<(String, String)> {
        longest(self.auth.keys(), path)
    }

    pub(super) fn summary(&self) -> Value {
        let mut kinds: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut add = |kind, name: String| kinds.entry(kind).or_default().insert(name);
        for (mount, engine) in &self.engines {
            if mount != "secret/" {
                add("mounts", mount.trim_end_matches('/').to_owned());
            }
            for path in engine.secrets.keys() {
                add("secrets", format!("{mount}{path}"));
            }
        }
        for (mount, auth) in &self.auth {
            if !["approle/", "kubernetes/"].contains(&mount.as_str()) {
                add("auth_methods", mount.trim_end_matches('/').to_owned());
            }
            for role in auth.roles.keys() {
                add("kubernetes_roles", format!("{mount}{role}"));
            }
            for role in auth.app_roles.keys() {
                add("approle_roles", format!("{mount}{role}"));
            }
        }
        for policy in self.policies.keys().filter(|p| *p != "default") {
            add("policies", policy.clone());
        }
        let kinds: Map<String, Value> = kinds
            .into_iter()
            .map(|(kind, names)| (kind.to_owned(), json!(names)))
            .collect();
        Value::Object(kinds)
    }
}

impl Engine {
    pub(super) fn new(description: impl Into<String>) -> Self {
        Self {
            description: description.into(),
            uuid: uuid::Uuid::new_v4().to_string(),
            ..Self::default()
        }
    }
}

fn longest<'a>(mounts: impl Iterator<Item = &'a String>, path: &str) -> Option<(String, String)> {
    mounts
        .filter_map(|mount| path.strip_prefix(mount.as_str()).map(|rest| (mount, rest)))
        .max_by_key(|(mount, _)| mount.len())
        .map(|(mount, rest)| (mount.clone(), rest.to_owned()))
}
