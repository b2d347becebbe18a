#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! Memory stays bounded on reports that are made to use much of it.
//!
//! One test, for the measure is the whole process's.

mod common;

use std::io::Write;

use common::read;
use flate2::Compression;
use flate2::write::GzEncoder;
use opstella_domain::evidence::ReportKind;
use opstella_evidence::{Encoding, Limits, MAX_REPORT, ReportError, decompress};

/// The size of each report.
const SIZE: usize = 8 * 1024 * 1024;

/// What reading one may take beside the report: far less than keeping its entries would.
const MOST: usize = 64 * 1024 * 1024;

/// The most memory that this process has had so far.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// `start`, as many of `entry` as fit, `end`.
fn report(start: &str, mut entry: impl FnMut(usize) -> String, end: &str) -> Vec<u8> {
    let mut report = String::with_capacity(SIZE + 4096);
    report.push_str(start);
    let mut number = 0;
    while report.len() < SIZE {
        report.push_str(&entry(number));
        number += 1;
    }
    report.push_str(end);
    report.into_bytes()
}

fn list(start: &str, entry: impl Fn(usize) -> String, end: &str) -> Vec<u8> {
    let comma = |number| if number == 0 { "" } else { "," };
    report(start, |number| format!("{}{}", comma(number), entry(number)), end)
}

#[test]
fn hostile_reports() {
    let trivy = r#"{"SchemaVersion":2,"ArtifactType":"container_image","Metadata":{"RepoDigests":["#;
    let results = format!(r#"{trivy}]}},"Results":["#);
    let vulnerabilities = format!(r#"{results}{{"Vulnerabilities":["#);
    let severe = |n: usize| {
        format!(
            r#"{{"VulnerabilityID":"CVE-{n}-\u00e9{}","Severity":"HIGH"}}"#,
            "x".repeat(500)
        )
    };
    let bom = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":["#;
    let sarif = r#"{"version":"2.1.0","runs":[{"results":["#;
    let driver = r#"{"version":"2.1.0","runs":[{"results":[],"tool":{"driver":{"rules":["#;
    let harbor = r#"{"scan_status":"Success","summary":{"summary":{"#;
    let empty = |_| "{}".to_owned();
    let hostile: Vec<(&str, ReportKind, Vec<u8>)> = vec![
        (
            "vulnerabilities",
            ReportKind::ImageScan,
            list(&vulnerabilities, empty, "]}]}"),
        ),
        (
            "severe ones",
            ReportKind::ImageScan,
            list(&vulnerabilities, severe, "]}]}"),
        ),
        ("results", ReportKind::ImageScan, list(&results, empty, "]}")),
        (
            "digests",
            ReportKind::ImageScan,
            list(trivy, |n| format!("\"sha256:{n:064x}\""), "]}}"),
        ),
        ("components", ReportKind::Sbom, list(bom, empty, "]}")),
        (
            "many sarif results",
            ReportKind::StaticAnalysis,
            list(sarif, empty, "]}]}"),
        ),
        ("rules", ReportKind::StaticAnalysis, list(driver, empty, "]}}}]}")),
        (
            "counts",
            ReportKind::RegistryScan,
            list(harbor, |n| format!("\"{n}\":1"), "}}}"),
        ),
        (
            "cases",
            ReportKind::Tests,
            report("<testsuite>", |_| "<testcase/>".to_owned(), "</testsuite>"),
        ),
        (
            "attributes",
            ReportKind::Tests,
            report("<testsuite ", |n| format!("a{n}='' "), "><testcase/></testsuite>"),
        ),
        (
            "one long name",
            ReportKind::Tests,
            report("<", |_| "a".repeat(1000), "/>"),
        ),
    ];
    let before = peak();
    for (what, kind, report) in &hostile {
        let _ = read(*kind, report);
        let grown = peak() - before;
        assert!(grown < MOST, "{what}: {grown} bytes");
    }

    // 128 MiB of blanks in about 128 KiB.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let blanks = vec![b' '; 1024 * 1024];
    for _ in 0..128 {
        encoder.write_all(&blanks).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let before = peak();
    let refused = decompress(&bomb, Encoding::Gzip, Limits::default());
    assert_eq!(refused, Err(ReportError::TooLarge { limit: MAX_REPORT }));
    let grown = peak() - before;
    assert!(grown < 3 * MAX_REPORT, "the bomb took {grown} bytes");
}
