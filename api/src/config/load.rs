//! Reading the configuration.

use std::collections::BTreeMap;
use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::Value;

use super::{Config, ConfigError, check};

/// The defaults, as a file.
pub(super) const DEFAULTS: &str = include_str!("defaults.toml");
const PREFIX: &str = "OPSTELLA_";
/// Variables of our prefix that are not keys: what names the file, and what `clap` reads.
const NOT_KEYS: &[&str] = &[
    "config",
    "home",
    "update_golden",
    "demo_database_url",
    "cache",
    "contracts",
    "postgres",
    "postgres_bin",
    "skip_node",
    "test_cache",
    "test_postgres",
    // The client's: people have them set beside a server's.
    "api_url",
    "token",
    "issuer",
    "client_id",
    "client_secret",
];

/// Keys whose values are text, whatever they look like.
const TEXTS: &[&str] = &[
    "database.url",
    "connection",
    "installation",
    "log.level",
    "oidc.audience",
    "oidc.client_id",
    "oidc.client_secret",
    "session.key",
    "notifications.signing_key",
];

/// Reads defaults, then `file`, then `OPSTELLA_*`, and checks every value.
///
/// # Errors
/// [`ConfigError`], naming the key and the rule.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    load_from(file, &environment())
}

/// As [`load`], with these variables: path of the key to text.
pub(super) fn load_from(
    file: Option<&Path>,
    variables: &BTreeMap<String, String>,
) -> Result<Config, ConfigError> {
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError::File(file.display().to_string()));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    for (key, text) in variables {
        // A secret is text, whatever it looks like.
        let secret = key.starts_with("credentials.") || TEXTS.contains(&key.as_str());
        let value = match text.parse::<Value>() {
            Ok(value) if !secret => value,
            _ => Value::from(text.clone()),
        };
        figment = figment.merge(Serialized::default(key, value));
    }
    let config = figment
        .extract::<Config>()
        .map_err(|error| explain(&error, variables))?;
    check::check(&config)?;
    Ok(config)
}

/// `OPSTELLA_DATABASE__URL` is `database.url`; in names of credentials an underscore stands for a hyphen.
fn environment() -> BTreeMap<String, String> {
    let ours = Env::prefixed(PREFIX)
        .ignore(NOT_KEYS)
        .filter(|key| !is_service_link(key.as_str()));
    let named = ours.map(|key| {
        let key = key.as_str().to_ascii_lowercase();
        match key.strip_prefix("credentials__") {
            Some(name) => format!("credentials.{}", name.replace('_', "-")).into(),
            None => key.replace("__", ".").into(),
        }
    });
    named
        .iter()
        .map(|(key, text)| (key.as_str().to_owned(), text))
        .collect()
}

/// Whether Kubernetes puts this variable (without prefix) into pods beside a Service named `opstella`
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
fn is_service_link(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.contains("__")
        && (name == "port"
            || ["port_", "service_host", "service_port"]
                .iter()
                .any(|link| name.starts_with(link)))
}

fn explain(error: &figment::Error, variables: &BTreeMap<String, String>) -> ConfigError {
    let mut path = error.path.clone();
    if let Kind::UnknownField(field, _) = &error.kind
        && path.last() != Some(field)
    {
        path.push(field.clone());
    }
    if let Kind::MissingField(field) = &error.kind {
        path.push(field.to_string());
    }
    let key = path.join(".");
    let variable = variables
        .keys()
        .find(|name| *name == &key || name.starts_with(&format!("{key}.")));
    let place = match (variable, &error.metadata) {
        (Some(name), _) => format!("set as {}", variable_name(name)),
        (None, Some(metadata)) => match &metadata.source {
            Some(source) => format!("set in {source}"),
            None => "in the configuration".to_owned(),
        },
        (None, None) => "in the configuration".to_owned(),
    };
    // What was given may be a secret that landed under another key: it is not shown.
    let rule = match &error.kind {
        Kind::UnknownField(..) => return ConfigError::UnknownKey { key, place },
        Kind::MissingField(_) => "is required".to_owned(),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("must be {expected}"),
        Kind::UnknownVariant(_, expected) => format!("must be one of {}", expected.join(", ")),
        Kind::Message(message) => without_value(message),
        other => other.to_string(),
    };
    ConfigError::Invalid { key, rule, place }
}

/// What a parser says, without the value that it says it of: one line, up to the first quote, and only the rule of a
/// domain's value.
fn without_value(message: &str) -> String {
    if let Some((_, rule)) = message.split_once("` is not valid: ") {
        return rule.to_owned();
    }
    let line = message.lines().next().unwrap_or_default();
    let said = line.split(['"', '`']).next().unwrap_or_default();
    said.trim_end_matches([' ', ':', ',']).to_owned()
}

/// The environment variable of a key.
fn variable_name(key: &str) -> String {
    format!(
        "{PREFIX}{}",
        key.replace('.', "__").replace('-', "_").to_ascii_uppercase()
    )
}
