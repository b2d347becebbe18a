//! The independent check of the sandbox: the best-known clients from PyPI drive it.
//!
//! One script a client, `clients/NAME.py`, which fails by an exception; its package is pinned in
//! `clients/requirements.txt`, with the hashes of all that is installed. All share one virtual environment, made once
//! under a file lock.
//!
//! Argo CD has none: its packages on PyPI are dead (`argocd` 0.5.0 of 2022, `argocd-python-client` 1.0.2 of 2021) and
//! know neither its present API nor a supported Python. Its vendor's OpenAPI description checks the stand-in instead
//! (`contracted/argocd.rs`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use opstella_sandbox::contract::{Contract, Vendor};
use opstella_sandbox::{Sandbox, SandboxOptions, credentials};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Runs `clients/NAME.py` against the tool of that name; nothing may be left in the tool afterwards.
fn drive(tool: &str, environment: &[(&str, &str)]) {
    let Some(python) = virtual_environment() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let sandbox = runtime
        .block_on(Sandbox::start(SandboxOptions {
            record_exchanges: true,
            ..SandboxOptions::default()
        }))
        .unwrap();
    let script = clients().join(format!("{tool}.py"));
    // Isolated (-I): the folder of the script is no place to import from, or `gitlab.py` would import itself.
    let output = Command::new(python)
        .arg("-I")
        .arg(script)
        .env("TOOL_URL", sandbox.tool_url(tool))
        .env("NO_PROXY", "127.0.0.1")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{tool}.py failed:\n{}", text(&output));
    assert_eq!(
        sandbox.state()[tool],
        json!({}),
        "{tool}.py left something behind"
    );
    check_contract(tool, &sandbox);
    runtime.block_on(sandbox.shutdown());
}

/// Every exchange of the client fits the vendor's description, where there is one.
fn check_contract(tool: &str, sandbox: &Sandbox) {
    let vendor = match tool {
        "argocd" => Vendor::ArgoCd,
        "harbor" => Vendor::Harbor,
        "kubernetes" => Vendor::Kubernetes,
        "vault" => Vendor::Vault,
        _ => return,
    };
    let Some(contract) = Contract::load(vendor).unwrap() else {
        return;
    };
    let exchanges = sandbox.exchanges();
    assert!(!exchanges.is_empty());
    let violations: Vec<String> = exchanges
        .iter()
        .filter_map(|exchange| contract.check_recorded(exchange).err())
        .map(|violation| violation.to_string())
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The Python of the shared virtual environment; `None` only where `OPSTELLA_SKIP_PYTHON=1` asks for it.
fn virtual_environment() -> Option<PathBuf> {
    if std::env::var_os("OPSTELLA_SKIP_PYTHON").is_some_and(|skip| skip == "1") {
        println!("skipped, as OPSTELLA_SKIP_PYTHON=1 asks");
        return None;
    }
    let requirements = clients().join("requirements.txt");
    let wanted = fs::read(&requirements).unwrap();
    let cache = std::env::var_os("OPSTELLA_TEST_CACHE")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    fs::create_dir_all(&cache).unwrap();
    let name = format!("sandbox-clients-{}", hex::encode(&Sha256::digest(&wanted)[..6]));
    let folder = cache.join(&name);
    let python = folder.join("bin/python");
    let complete = folder.join("complete");

    // Every test is a process of its own under nextest: the first one builds, the others wait.
    let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if complete.exists() {
        return Some(python);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&folder)
        .output()
        .expect("python3 is there; OPSTELLA_SKIP_PYTHON=1 skips these tests");
    assert!(
        made.status.success(),
        "python3 cannot make a virtual environment (OPSTELLA_SKIP_PYTHON=1 skips these tests): {}",
        text(&made)
    );
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
    ];
    let installed = Command::new(&python)
        .args(install)
        .arg(&requirements)
        .output()
        .unwrap();
    assert!(
        installed.status.success(),
        "pip could not install the clients:\n{}",
        text(&installed)
    );
    fs::write(complete, "").unwrap();
    Some(python)
}

#[test]
fn python_gitlab() {
    drive("gitlab", &[("TOOL_TOKEN", credentials::GITLAB_TOKEN)]);
}

#[test]
fn python_sonarqube_api() {
    drive("sonarqube", &[("TOOL_TOKEN", credentials::SONARQUBE_TOKEN)]);
}

#[test]
fn python_keycloak() {
    drive(
        "keycloak",
        &[
            ("CLIENT_ID", credentials::KEYCLOAK_CLIENT),
            ("CLIENT_SECRET", credentials::KEYCLOAK_CLIENT_SECRET),
            ("ALICE_PASSWORD", "alice-demo"),
        ],
    );
}

#[test]
fn hvac() {
    drive("vault", &[("TOOL_TOKEN", credentials::VAULT_TOKEN)]);
}

#[test]
fn python_kubernetes() {
    drive("kubernetes", &[("TOOL_TOKEN", credentials::KUBERNETES_TOKEN)]);
}

#[test]
fn harborapi() {
    drive(
        "harbor",
        &[
            ("TOOL_USER", credentials::HARBOR_USER),
            ("TOOL_PASSWORD", credentials::HARBOR_PASSWORD),
        ],
    );
}
