//! The list of all keys, for the test that holds documentation and code together.

use figment::Figment;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::load::DEFAULTS;

/// Keys without a default, and the patterns of keys that have a name in them.
const WITHOUT_DEFAULT: &[&str] = &[
    "database.url",
    "oidc.issuer",
    "oidc.client_id",
    "oidc.client_secret",
    "session.key",
    "gates.program",
    "installation",
    "credentials.<name>",
    "notifications.signing_key",
    "engine.tools.<tool>.concurrency",
    "engine.tools.<tool>.per_second",
    "engine.tools.<tool>.circuit_failures",
    "engine.tools.<tool>.circuit_pause_seconds",
];

/// Every key, sorted.
pub fn all_keys() -> Vec<String> {
    let mut keys: Vec<String> = WITHOUT_DEFAULT.iter().map(|key| (*key).to_owned()).collect();
    if let Ok(defaults) = Figment::from(Toml::string(DEFAULTS)).extract::<Dict>() {
        collect("", &defaults, &mut keys);
    }
    keys.sort();
    keys
}

fn collect(prefix: &str, dict: &Dict, keys: &mut Vec<String>) {
    for (name, value) in dict {
        match value {
            Value::Dict(_, inner) => collect(&format!("{prefix}{name}."), inner, keys),
            _ => keys.push(format!("{prefix}{name}")),
        }
    }
}
