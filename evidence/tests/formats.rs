#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! What each format comes to.

mod common;

use common::{counts, digest, finding, fixture, found, read, read_fixture, text};
use opstella_domain::Environment;
use opstella_domain::evidence::{ReportKind, Severity, TestCounts, Verdict};
use opstella_domain::release::Digest;
use opstella_evidence::{ReportError, parse};

const CRITICAL: Severity = Severity::Critical;
const HIGH: Severity = Severity::High;

#[test]
fn trivy_on_an_image() {
    let parsed = read_fixture(ReportKind::ImageScan, "trivy-image.json");
    let bytes = fixture("trivy-image.json");
    assert_eq!(parsed.report, Digest::of(&bytes));
    assert_eq!(parsed.size, bytes.len() as u64);
    assert_eq!(parsed.tool, "trivy 0.76.0");
    assert_eq!(
        parsed.produced_at.unwrap().to_rfc3339(),
        "2026-11-25T13:04:02.883846104+00:00"
    );
    assert_eq!(parsed.counts, counts([1, 1, 1, 1, 0, 0]));
    assert_eq!(parsed.verdict, Verdict::Failed);
    assert_eq!(
        parsed.findings,
        [
            finding(CRITICAL, "CVE-2026-1001", Some("openssl@3.1.4-r5")),
            finding(HIGH, "CVE-2026-1002", Some("openssl@3.1.4-r5")),
        ]
    );
    assert_eq!((parsed.tests, parsed.components), (None, None));
}

#[test]
fn trivy_on_files_names_secrets_by_rule_only() {
    let parsed = read_fixture(ReportKind::FilesystemScan, "trivy-fs.json");
    assert_eq!(
        parsed.counts,
        counts([1, 3, 0, 0, 0, 1]),
        "a vulnerability counts at each place"
    );
    assert_eq!(
        parsed.findings,
        [
            finding(CRITICAL, "github-pat", Some("conf/app.env:1")),
            found(2, HIGH, "CVE-2026-2001", Some("left-pad@1.0.0")),
            finding(HIGH, "DS-0002", Some("Dockerfile:4")),
        ]
    );
    assert!(!format!("{parsed:?}").contains("SHOWN-BY-TRIVY"));
    assert_eq!(
        parsed.produced_at.unwrap().to_rfc3339(),
        "2026-11-25T11:04:02.797427239+00:00"
    );
}

#[test]
fn a_package_at_two_places_is_named_once_and_says_so() {
    let at = |path: &str| {
        format!(
            r#"{{"VulnerabilityID":"CVE-2026-7","PkgName":"semver","PkgPath":"{path}/package.json",
                "InstalledVersion":"5.0.0","Severity":"CRITICAL"}}"#
        )
    };
    let report = format!(
        r#"{{"SchemaVersion":2,"ArtifactType":"container_image","Results":[{{"Target":"Node.js","Class":"lang-pkgs",
            "Vulnerabilities":[{},{}]}}]}}"#,
        at("app/node_modules/semver"),
        at("usr/lib/node_modules/npm/node_modules/semver")
    );
    let parsed = read(ReportKind::ImageScan, report).unwrap();
    assert_eq!(parsed.counts, counts([2, 0, 0, 0, 0, 0]));
    assert_eq!(
        parsed.findings,
        [found(2, CRITICAL, "CVE-2026-7", Some("semver@5.0.0"))]
    );
}

#[test]
fn trivy_on_configuration_counts_failed_checks() {
    let parsed = read_fixture(ReportKind::ConfigScan, "trivy-config.json");
    assert_eq!(parsed.counts, counts([0, 1, 0, 1, 0, 0]));
    assert_eq!(parsed.verdict, Verdict::Passed, "high alone does not fail");
    assert_eq!(parsed.findings, [finding(HIGH, "KSV-0017", Some("pod.yaml:7"))]);
    assert_eq!(parsed.tool, "trivy");
}

#[test]
fn a_scan_that_found_nothing_is_fine() {
    for results in [
        "",
        r#","Results":null"#,
        r#","Results":[]"#,
        r#","Results":[{"Target":"x","Class":"os-pkgs"}]"#,
    ] {
        let report = format!(r#"{{"SchemaVersion":2,"ArtifactType":"container_image"{results}}}"#);
        let parsed = read(ReportKind::ImageScan, report).unwrap();
        assert_eq!(parsed.counts, counts([0; 6]));
        assert_eq!(parsed.verdict, Verdict::Passed);
    }
}

#[test]
fn cyclonedx_counts_packages_and_what_is_not_ruled_out() {
    let parsed = read_fixture(ReportKind::Sbom, "cyclonedx-1.5.json");
    assert_eq!(parsed.components, Some(3), "neither the system nor files");
    assert_eq!(parsed.counts, counts([1, 0, 0, 0, 0, 1]));
    assert_eq!(
        parsed.findings,
        [finding(CRITICAL, "CVE-2026-3001", Some("pkg:npm/left-pad@1.0.0"))]
    );
    assert_eq!(parsed.tool, "trivy 0.58.1");

    let parsed = read_fixture(ReportKind::Sbom, "cyclonedx-1.4.json");
    assert_eq!(parsed.components, Some(2));
    assert_eq!(parsed.tool, "syft 1.0.0");
    assert_eq!(parsed.verdict, Verdict::Passed);

    for version in ["1.6", "1.7"] {
        let bom = text("cyclonedx-1.5.json").replace("\"1.5\"", &format!("\"{version}\""));
        assert!(read(ReportKind::Sbom, bom).is_ok());
    }
}

#[test]
fn sarif_takes_the_score_before_the_level() {
    let parsed = read_fixture(ReportKind::StaticAnalysis, "sarif.json");
    assert_eq!(parsed.counts, counts([1, 3, 1, 2, 1, 0]));
    assert_eq!(
        parsed.findings,
        [
            finding(CRITICAL, "c/overflow", Some("src/main.c:12")),
            finding(HIGH, "c/format", None),
            finding(HIGH, "c/format/1", Some("src/log.c")),
            finding(HIGH, "ext/rule", None),
        ]
    );
    assert_eq!(parsed.tool, "CodeQL 2.20.0");
    assert_eq!(
        parsed.produced_at.unwrap().to_rfc3339(),
        "2026-11-25T10:00:00+00:00"
    );
}

#[test]
fn static_analysis_is_of_its_tools_whatever_their_versions_and_order() {
    let series = |tools: &[(&str, &str)]| {
        let run = |(name, version): &(&str, &str)| {
            format!(r#"{{"tool":{{"driver":{{"name":"{name}","version":"{version}"}}}},"results":[]}}"#)
        };
        let runs: Vec<_> = tools.iter().map(run).collect();
        let report = format!(r#"{{"version":"2.1.0","runs":[{}]}}"#, runs.join(","));
        let parsed = read(ReportKind::StaticAnalysis, report).unwrap();
        let evidence = parsed.into_evidence(chrono::Utc::now(), None);
        evidence.series().unwrap().to_owned()
    };
    assert_eq!(series(&[("Semgrep OSS", "1.96.0")]), "Semgrep OSS");
    assert_eq!(series(&[("gosec", "dev")]), "gosec");
    assert_eq!(series(&[("b", "2"), ("a", "1"), ("b", "3")]), "a, b");
    assert_eq!(series(&[("", "")]), "sarif");
    let names: Vec<String> = (10..99).map(|n| format!("a tool with a long name {n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(series(&many).chars().count(), 120);
}

#[test]
fn a_result_that_is_listed_twice_is_named_once_and_says_so() {
    let result = r#"{"ruleId":"sql","level":"error","locations":[{"physicalLocation":{
        "artifactLocation":{"uri":"a.go"},"region":{"startLine":3}}}]}"#;
    let report = format!(
        r#"{{"version":"2.1.0","runs":[{{"results":[{result},{result}]}},{{"results":[{result}]}}]}}"#
    );
    let parsed = read(ReportKind::StaticAnalysis, report).unwrap();
    assert_eq!(parsed.counts, counts([0, 3, 0, 0, 0, 0]));
    assert_eq!(parsed.findings, [found(3, HIGH, "sql", Some("a.go:3"))]);
}

#[test]
fn sarif_scores_at_the_borders() {
    let of = |score: &str| {
        let result = format!(r#"{{"ruleId":"r","properties":{{"security-severity":{score}}}}}"#);
        let report = format!(r#"{{"version":"2.1.0","runs":[{{"results":[{result}]}}]}}"#);
        let counts = read(ReportKind::StaticAnalysis, report).unwrap().counts;
        [
            counts.critical,
            counts.high,
            counts.medium,
            counts.low,
            counts.info,
        ]
    };
    assert_eq!(of("\"9.0\""), [1, 0, 0, 0, 0]);
    assert_eq!(of("\"8.9\""), [0, 1, 0, 0, 0]);
    assert_eq!(of("7"), [0, 1, 0, 0, 0]);
    assert_eq!(of("6.9"), [0, 0, 1, 0, 0]);
    assert_eq!(of("4.0"), [0, 0, 1, 0, 0]);
    assert_eq!(of("0.1"), [0, 0, 0, 1, 0]);
    assert_eq!(of("0"), [0, 0, 0, 0, 1]);
}

#[test]
fn zap_counts_each_alert_once_and_fails_on_high() {
    let parsed = read_fixture(ReportKind::DynamicScan, "zap.json");
    assert_eq!(parsed.counts, counts([0, 1, 1, 1, 1, 0]), "false positives aside");
    assert_eq!(parsed.verdict, Verdict::Failed);
    let uri = "https://checkout.uat.example/pay";
    assert_eq!(
        parsed.findings,
        [finding(HIGH, "40018-1 SQL Injection", Some(uri))]
    );
    assert_eq!(parsed.tool, "zap 2.16.1");

    let parsed = read_fixture(ReportKind::DynamicScan, "zap-clean.json");
    assert_eq!(parsed.counts, counts([0, 0, 1, 0, 0, 0]));
    assert_eq!(parsed.verdict, Verdict::Passed);
    assert_eq!(parsed.produced_at, None, "@generated has no time zone");
}

#[test]
fn junit_counts_test_cases() {
    let tests = |passed, failed, skipped| {
        Some(TestCounts {
            passed,
            failed,
            skipped,
        })
    };
    let parsed = read_fixture(ReportKind::Tests, "junit-surefire.xml");
    assert_eq!(parsed.tests, tests(2, 2, 1));
    assert_eq!(parsed.verdict, Verdict::Failed);
    assert_eq!(
        parsed.produced_at.unwrap().to_rfc3339(),
        "2026-11-25T10:00:00+00:00"
    );
    let parsed = read_fixture(ReportKind::Tests, "junit-pytest.xml");
    assert_eq!(parsed.tests, tests(2, 0, 0));
    assert_eq!(parsed.verdict, Verdict::Passed);
    let parsed = read_fixture(ReportKind::Tests, "junit-gtest.xml");
    assert_eq!(parsed.tests, tests(1, 0, 1));
    assert_eq!(parsed.produced_at, None, "without an offset it is no instant");
    assert_eq!(parsed.findings, []);
}

#[test]
fn junit_believes_a_suite_that_speaks_of_failures() {
    let report =
        r#"<testsuites errors="1"><testsuite errors="1"><testcase name="a"/></testsuite></testsuites>"#;
    let parsed = read(ReportKind::Tests, report).unwrap();
    assert_eq!(parsed.tests.unwrap().failed, 1);
    assert_eq!(parsed.verdict, Verdict::Failed);
}

#[test]
fn harbor_counts_the_overview() {
    let parsed = read_fixture(ReportKind::RegistryScan, "harbor-artifact.json");
    assert_eq!(parsed.counts, counts([1, 2, 4, 5, 0, 1]));
    assert_eq!(parsed.verdict, Verdict::Failed);
    assert_eq!(parsed.tool, "harbor Trivy v0.58.1");
    assert_eq!(parsed.findings, [], "an overview names none");
    assert_eq!(
        parsed.produced_at.unwrap().to_rfc3339(),
        "2026-11-25T10:00:00+00:00"
    );

    let parsed = read_fixture(ReportKind::RegistryScan, "harbor-report.json");
    assert_eq!(parsed.counts, counts([0, 1, 0, 0, 1, 0]));
    assert_eq!(
        parsed.findings,
        [finding(HIGH, "CVE-2026-1002", Some("openssl@3.1.4-r5"))]
    );
    assert_eq!(parsed.verdict, Verdict::Passed);
}

#[test]
fn harbor_in_all_its_shapes() {
    let scan = r#"{"scan_status":"Success","severity":"None","summary":{"total":0,"fixable":0}}"#;
    let by_type = format!(r#"{{"application/vnd.security.vulnerability.report; version=1.1":{scan}}}"#);
    let artifact = format!(r#"{{"digest":"{}","scan_overview":{by_type}}}"#, digest("a"));
    for report in [scan.to_owned(), by_type, artifact] {
        let parsed = read(ReportKind::RegistryScan, &report).unwrap();
        assert_eq!(parsed.counts, counts([0; 6]), "{report}");
        // What it says of itself counts even where it does not say why.
        let worse = report.replace("\"None\"", "\"Critical\"");
        let parsed = read(ReportKind::RegistryScan, worse).unwrap();
        assert_eq!(parsed.counts, counts([1, 0, 0, 0, 0, 0]));
    }
}

#[test]
fn two_looks_of_harbor_at_one_image_count_once() {
    let scan = |high| {
        format!(r#"{{"scan_status":"Success","severity":"High","summary":{{"summary":{{"High":{high}}}}}}}"#)
    };
    let report = format!(
        r#"{{"application/vnd.a":{},"application/vnd.b":{},"unrelated":7}}"#,
        scan(2),
        scan(3)
    );
    let parsed = read(ReportKind::RegistryScan, report).unwrap();
    assert_eq!(parsed.counts, counts([0, 3, 0, 0, 0, 0]));
}

#[test]
fn sonarqubes_gate_is_passed_or_failed() {
    let parsed = read_fixture(ReportKind::QualityGate, "sonar-webhook.json");
    assert_eq!(parsed.verdict, Verdict::Passed);
    assert_eq!(parsed.tool, "sonarqube");
    assert_eq!(
        parsed.produced_at.unwrap().to_rfc3339(),
        "2026-11-25T09:46:28+00:00"
    );
    let failed = text("sonar-webhook.json").replace(
        "\"name\": \"Opstella\", \"status\": \"OK\"",
        "\"status\": \"ERROR\"",
    );
    assert_eq!(
        read(ReportKind::QualityGate, failed).unwrap().verdict,
        Verdict::Failed
    );
    // Sent again after somebody resolved an issue, it is of the same analysis and newer.
    let changed = text("sonar-webhook.json").replace(
        "\"changedAt\": \"2026-11-25T10:46:28+0100\"",
        "\"changedAt\": \"2026-11-25T12:00:00+0100\"",
    );
    let parsed = read(ReportKind::QualityGate, changed).unwrap();
    assert_eq!(
        parsed.produced_at.unwrap().to_rfc3339(),
        "2026-11-25T11:00:00+00:00"
    );
    let parsed = read_fixture(ReportKind::QualityGate, "sonar-status.json");
    assert_eq!(parsed.verdict, Verdict::Failed);
    let passed = text("sonar-status.json").replacen("ERROR", "OK", 1);
    assert_eq!(
        read(ReportKind::QualityGate, passed).unwrap().verdict,
        Verdict::Passed
    );
}

#[test]
fn a_mark_of_utf_8_is_passed_over_and_is_part_of_the_original() {
    for (kind, name) in common::ALL {
        let marked = [b"\xef\xbb\xbf".as_slice(), &fixture(name)].concat();
        let parsed = read(kind, &marked).unwrap();
        assert_eq!(parsed.report, Digest::of(&marked), "{name}");
    }
}

#[test]
fn findings_and_counts_agree() {
    for (kind, name) in common::ALL {
        let parsed = read_fixture(kind, name);
        for severity in [CRITICAL, HIGH] {
            let named = parsed.findings.iter().filter(|f| f.severity == severity);
            let times: u32 = named.map(|f| f.times).sum();
            assert!(times <= parsed.counts.of(severity), "{name}");
        }
        assert!(parsed.findings.iter().all(|f| f.severity >= HIGH), "{name}");
    }
}

#[test]
fn becomes_evidence() {
    let parsed = read_fixture(ReportKind::DynamicScan, "zap.json");
    let at = parsed.produced_at.unwrap();
    let evidence = parsed.clone().into_evidence(at, Some(Environment::Uat));
    assert_eq!(evidence.recorded_at, at);
    assert_eq!(evidence.environment, Some(Environment::Uat));
    assert_eq!(evidence.counts, parsed.counts);
    assert_eq!(evidence.report, parsed.report);
}

#[test]
fn commits_are_held_against_the_release() {
    let expected = |commit: &str| opstella_evidence::Expected {
        commit: Some(commit.parse().unwrap()),
        ..Default::default()
    };
    let (ours, other) = (
        expected("598e0c7ad74f80ee4013972d948b4c70d2d35432"),
        expected(&"0".repeat(40)),
    );
    for (kind, name) in [
        (ReportKind::QualityGate, "sonar-webhook.json"),
        (ReportKind::FilesystemScan, "trivy-fs.json"),
        (ReportKind::StaticAnalysis, "sarif.json"),
    ] {
        assert!(parse(kind, &fixture(name), &ours).is_ok(), "{name}");
        let refused = parse(kind, &fixture(name), &other);
        assert!(matches!(refused, Err(ReportError::WrongCommit { .. })), "{name}");
    }
}
