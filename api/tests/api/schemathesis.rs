//! Schemathesis makes requests up from the OpenAPI description; no answer may contradict it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::resources::ended;
use crate::support::Server;

/// What is installed from PyPI: schemathesis and all that it needs, each with its hashes.
const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/api/schemathesis-requirements.txt"
);
/// Requests per operation, beside those that cover each rule of its schema.
const EXAMPLES: &str = "10";
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a command, and gives the end of what it said where it failed.
fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(text.lines().last().unwrap_or("no reason given").to_owned())
}

/// The program, in an environment of its own below the target directory.
fn installed() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let wanted = std::fs::read_to_string(REQUIREMENTS).map_err(|error| error.to_string())?;
    let mark = folder.join("installed");
    let program = folder.join("bin/schemathesis");
    if program.is_file() && std::fs::read_to_string(&mark).is_ok_and(|there| there == wanted) {
        return Ok(program);
    }
    succeeds(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )
    .map_err(|error| format!("no Python with venv: {error}"))?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--retries=1",
        "--timeout=10",
        "--require-hashes",
        "--requirement",
    ];
    succeeds(
        Command::new(folder.join("bin/python"))
            .args(pip)
            .arg(REQUIREMENTS),
    )
    .map_err(|error| format!("schemathesis cannot be installed: {error}"))?;
    std::fs::write(mark, wanted).map_err(|error| error.to_string())?;
    Ok(program)
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_requests_get_the_answers_that_are_described() {
    if std::env::var_os("OPSTELLA_SKIP_PYTHON").is_some_and(|skip| skip == "1") {
        eprintln!("skipped, as OPSTELLA_SKIP_PYTHON=1 asks");
        return;
    }
    let installed = tokio::task::spawn_blocking(installed).await.unwrap();
    let program =
        installed.unwrap_or_else(|reason| panic!("{reason}; OPSTELLA_SKIP_PYTHON=1 skips this test"));
    let server = Server::start_with(|config| {
        config.limits.requests_per_second = 10_000;
        config.limits.burst = 10_000;
        config.limits.heartbeat_seconds = 1;
    })
    .await;
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    let folder = tempfile::tempdir().unwrap();
    let work = tokio::process::Command::new(program)
        .current_dir(folder.path())
        .args(["--config-file", "/dev/null", "run"])
        .arg(format!("{}/api/openapi.json", server.base))
        .args(["--url", &server.base])
        .args(["--header", &format!("Authorization: Bearer {}", server.token)])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", EXAMPLES, "--workers", "1", "--seed", "1"])
        .args([
            "--continue-on-failure",
            "--no-color",
            "--generation-database",
            "none",
        ])
        .args(["--suppress-health-check", "all", "--request-timeout", "30"])
        // It never ends; streams.rs tests it.
        .args(["--exclude-operation-id", "StreamEvents"])
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .output();
    let output = tokio::time::timeout(PATIENCE, work)
        .await
        .expect("schemathesis ends in time")
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    server.get("/projects/payments").await.expect(200);
    server.stop().await;
}
