//! The configuration: a file, variables over it, and one line that names the key where something is wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use opstella_api::config::{self, Config, ConfigError};
use secrecy::ExposeSecret;
use tempfile::TempDir;

const SECRET: &str = "hunter2-and-more";

/// A file with this text.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opstella.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let (_folder, path) = file(text);
    config::load(Some(&path))
}

/// What `opstella migrate` says of its configuration: nothing but the database's address is needed for it.
fn said(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_opstella"))
        .arg("migrate")
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{variables:?}: {text}");
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    assert!(text.starts_with("opstella: "), "{text}");
    text
}

pub fn variable(key: &str) -> String {
    format!("OPSTELLA_{}", key.replace('.', "__").to_uppercase())
}

#[test]
fn a_file_goes_before_the_defaults() {
    let defaults = config::load(None).unwrap();
    assert_eq!(defaults.limits.body_bytes, 1 << 20);
    let text = r#"
        connection = "other"
        [server]
        listen = "0.0.0.0:9000"
        [database]
        url = "postgres://u:hunter2-and-more@db/opstella"
        [credentials]
        gitlab-main = "hunter2-and-more"
        [limits]
        body_bytes = 2048
        [engine.tools.gitlab]
        per_second = 7
        [log]
        format = "json"
    "#;
    let config = load(text).unwrap();
    assert_eq!(config.connection.to_string(), "other");
    assert_eq!(config.server.listen.port(), 9000);
    assert_eq!(config.limits.body_bytes, 2048);
    assert_eq!(config.limits.page_size, defaults.limits.page_size);
    let gitlab = config.engine.tools.values().next().unwrap();
    assert_eq!((gitlab.per_second, gitlab.concurrency), (7, 32));
    let name = "gitlab-main".parse().unwrap();
    assert_eq!(config.credentials[&name].expose_secret(), SECRET);
    // What is logged of it shows no secret.
    let debug = format!("{config:?} {config:#?}");
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn what_is_wrong_in_a_file_is_named() {
    for (text, key, rule) in [
        ("nope = 1", "nope", "there is no such key"),
        ("[server]\nprot = 1", "server.prot", "there is no such key"),
        (
            "[engine.tools.gitlab]\nspeed = 1",
            "engine.tools.gitlab.speed",
            "there is no such key",
        ),
        ("[engine.tools.jira]\nper_second = 1", "engine.tools", "jira"),
        ("[server]\nlisten = \"here\"", "server.listen", "socket address"),
        ("[server]\nlisten = 1", "server.listen", "must be"),
        (
            "[limits]\nbody_bytes = 1",
            "limits.body_bytes",
            "must be 1024 to 16777216, is 1",
        ),
        ("[limits]\nstreams = \"many\"", "limits.streams", "must be"),
        ("[limits]\nburst = -1", "limits.burst", "must be"),
        (
            "[log]\nformat = \"xml\"",
            "log.format",
            "must be one of text, json",
        ),
        (
            "[oidc]\nalgorithms = [\"HS256\"]",
            "oidc.algorithms",
            "asymmetric ones only",
        ),
        ("[oidc]\nissuer = \"sso\"", "oidc.issuer", "http or https URL"),
        ("[oidc]\naudience = \"\"", "oidc.audience", "must not be empty"),
        (
            "[server]\npublic_url = \"ftp://x\"",
            "server.public_url",
            "http or https URL",
        ),
        (
            "[server]\npublic_url = \"http://opstella.example\"\n[oidc]\nclient_id = \"x\"",
            "server.public_url",
            "must be https where oidc.client_id is set",
        ),
        (
            "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"hunter2-and-more\"]",
            "server.trusted_proxies",
            "must be addresses and networks",
        ),
        ("[credentials]\nGitLab = \"hunter2-and-more\"", "credentials", ""),
        ("[credentials]\ngitlab = 5", "credentials.gitlab", "must be"),
        (
            "[database]\nurl = [\"hunter2-and-more\"]",
            "database.url",
            "must be",
        ),
        ("connection = \"Hunter2-and-more\"", "connection", ""),
        ("[database]\nurl = \"hunter2-and-more\nx = 1", "line 2", ""),
    ] {
        let error = load(text).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(key), "{text}: {shown}");
        assert!(shown.contains(rule), "{text}: {shown}");
        assert!(
            shown.contains("opstella.toml") || rule != "there is no such key",
            "{text}: {shown}"
        );
        assert_eq!(shown.lines().count(), 1, "one line: {shown}");
        let all = format!("{shown} {error:?}").to_lowercase();
        assert!(!all.contains("hunter2"), "{all}");
    }
    let none = config::load(Some(Path::new("/nowhere/opstella.toml"))).unwrap_err();
    assert!(
        none.to_string().contains("/nowhere/opstella.toml cannot be read"),
        "{none}"
    );
}

#[test]
fn browsers_sign_in_by_tls_or_on_loopback() {
    for (url, client) in [
        ("https://opstella.example", "client_id = \"x\""),
        ("http://localhost:8080", "client_id = \"x\""),
        ("http://127.0.0.1:8080", "client_id = \"x\""),
        ("http://opstella.example", ""),
    ] {
        let text = format!("[server]\npublic_url = \"{url}\"\n[oidc]\n{client}");
        assert!(load(&text).is_ok(), "{text}");
    }
    let proxies = load("[server]\ntrusted_proxies = [\"10.1.2.3/8\", \"::1\"]").unwrap();
    let proxies = proxies.server.trusted_proxies;
    assert!(proxies[0].contains("10.9.9.9".parse().unwrap()));
    assert!(proxies[1].contains("::1".parse().unwrap()) && !proxies[1].contains("::2".parse().unwrap()));
}

#[test]
fn variables_go_before_the_file() {
    let (_folder, path) = file("[server]\nworkers = 1000\n");
    let path = path.to_str().unwrap();
    let wrong = said(&["--config", path], &[]);
    assert!(
        wrong.contains("server.workers: must be 0 to 256, is 1000"),
        "{wrong}"
    );
    let mended = ("OPSTELLA_SERVER__WORKERS", "2");
    for variables in [&[mended, ("OPSTELLA_CONFIG", path)][..], &[mended]] {
        let missing = said(&[], variables);
        assert!(missing.contains("database.url: is required"), "{missing}");
        assert!(missing.contains("OPSTELLA_DATABASE__URL"), "{missing}");
    }
}

#[test]
fn what_is_wrong_in_a_variable_is_named() {
    let unknown = said(&[], &[("OPSTELLA_PROT", "80")]);
    assert!(
        unknown.contains("prot: there is no such key (set as OPSTELLA_PROT)"),
        "{unknown}"
    );
    // What Kubernetes puts there for a Service of our name is none of ours.
    let passed_over = said(&[], &[("OPSTELLA_PORT", "tcp://10.0.0.1:80")]);
    assert!(passed_over.contains("database.url: is required"), "{passed_over}");
    // Nor is what the client reads.
    let clients = [
        ("OPSTELLA_API_URL", "https://opstella.example.com"),
        ("OPSTELLA_TOKEN", SECRET),
        ("OPSTELLA_ISSUER", "https://sso.example.com"),
        ("OPSTELLA_CLIENT_ID", "ci"),
        ("OPSTELLA_CLIENT_SECRET", SECRET),
    ];
    let passed_over = said(&[], &clients);
    assert!(passed_over.contains("database.url: is required"), "{passed_over}");
    let unknown = said(&[], &[("OPSTELLA_SERVER__PROT", "1")]);
    assert!(unknown.contains("server.prot"), "{unknown}");
    assert!(unknown.contains("OPSTELLA_SERVER__PROT"), "{unknown}");
    // A secret that landed under another key is not shown, whatever that key takes.
    for key in config::all_keys() {
        if key.starts_with("credentials") {
            continue;
        }
        let key = key.replace("<tool>", "gitlab");
        for value in [SECRET, "Hunter2 {,}", "postgres://u:hunter2@"] {
            let text = said(&[], &[(&variable(&key), value)]);
            // Some keys take any text; then the missing address is what is wrong.
            let taken = text.contains("database.url: is required");
            assert!(taken || text.contains(&key), "{key}: {text}");
            assert!(!text.to_lowercase().contains("hunter2"), "{key}: {text}");
        }
    }
    let hasty = said(&[], &[("OPSTELLA_ENGINE__DEPLOY_WAIT_MINUTES", "0")]);
    assert!(
        hasty.contains("engine.deploy_wait_minutes: must be 1 to 1440, is 0"),
        "{hasty}"
    );
    // A credential is text, also where it looks like something else.
    let credentials = [
        ("OPSTELLA_CREDENTIALS__GITLAB_MAIN", "12345"),
        ("OPSTELLA_CREDENTIALS__VAULT", "[x"),
    ];
    let missing = said(&[], &credentials);
    assert!(missing.contains("database.url: is required"), "{missing}");
    let texts = [
        ("OPSTELLA_OIDC__AUDIENCE", "12345"),
        ("OPSTELLA_CONNECTION", "true"),
    ];
    let missing = said(&[], &texts);
    assert!(missing.contains("database.url: is required"), "{missing}");
}

#[test]
fn an_installation_is_a_uuid() {
    let id = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    let config = load(&format!("installation = \"{id}\"")).unwrap();
    assert_eq!(config.installation.unwrap().to_string(), id);
    assert_eq!(load("").unwrap().installation, None);
    let error = load("installation = \"prod\"").unwrap_err().to_string();
    assert!(error.starts_with("installation: a UUID"), "{error}");
    let text = said(&[], &[("OPSTELLA_INSTALLATION", "17")]);
    assert!(
        text.contains("installation: a UUID") && text.contains("OPSTELLA_INSTALLATION"),
        "{text}"
    );
}

#[test]
fn a_short_signing_key_is_refused_and_not_shown() {
    let error = load("[notifications]\nsigning_key = \"hunter2-and-more\"")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("notifications.signing_key: has to be at least 32 bytes"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
    let long = format!("[notifications]\nsigning_key = \"{SECRET}-{SECRET}\"");
    let config = load(&long).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    // From the environment, it is text whatever it looks like.
    let text = said(&[], &[("OPSTELLA_NOTIFICATIONS__SIGNING_KEY", "12345")]);
    assert!(
        text.contains("at least 32 bytes") && !text.contains("12345"),
        "{text}"
    );
}
