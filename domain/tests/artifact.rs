//! Evidence on an image: which counts, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cqrs_es::test::TestFramework;
use opstella_domain::evidence::{
    Artifact, ArtifactCommand, ArtifactEvent, ArtifactKey, Evidence, Finding, MAX_FINDINGS, MAX_SCANS,
    MAX_SERIES, Origin, ReportKind, SCAN_MINUTES, ScanTime, Severity, Suite,
};
use opstella_domain::{Decide, DomainError, Environment};
use support::at;
use support::promotion::{digest, evidence, findings, images, later};

fn key() -> ArtifactKey {
    format!("payments/checkout/api@{}", digest("api-1"))
        .parse()
        .unwrap()
}

fn add(evidence: Evidence) -> ArtifactCommand {
    ArtifactCommand::AddEvidence {
        key: key(),
        evidence: Box::new(evidence),
    }
}

fn added(evidence: Evidence) -> ArtifactEvent {
    ArtifactEvent::EvidenceAdded {
        key: key(),
        evidence: Box::new(evidence),
    }
}

fn when(given: &[Evidence], evidence: Evidence) -> Result<Vec<ArtifactEvent>, DomainError> {
    TestFramework::<Artifact>::with(())
        .given(given.iter().cloned().map(added).collect())
        .when(add(evidence))
        .inspect_result()
}

fn field(evidence: Evidence) -> String {
    match when(&[], evidence) {
        Err(DomainError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

fn artifact(given: &[Evidence]) -> Artifact {
    let mut artifact = Artifact::default();
    for evidence in given {
        for event in artifact.decide(add(evidence.clone())).unwrap() {
            artifact.evolve(event);
        }
    }
    artifact
}

/// A scan with its own contents, made and recorded at these times.
fn scan(contents: &str, made: Option<DateTime<Utc>>, recorded: DateTime<Utc>) -> Evidence {
    Evidence {
        report: digest(contents),
        produced_at: made,
        recorded_at: recorded,
        ..evidence(ReportKind::ImageScan)
    }
}

#[test]
fn every_kind_is_taken_once_and_the_same_report_changes_nothing() {
    let all: Vec<Evidence> = ReportKind::all().map(evidence).collect();
    for (index, report) in all.iter().enumerate() {
        assert_eq!(
            when(&all[..index], report.clone()),
            Ok(vec![added(report.clone())])
        );
        let again = Evidence {
            recorded_at: later(60),
            ..report.clone()
        };
        assert_eq!(when(&all[..=index], again), Ok(vec![]));
    }
    assert_eq!(artifact(&all).evidence.len(), all.len());
}

#[test]
fn a_later_report_of_the_same_kind_counts_instead() {
    let (first, second) = (
        scan("a", Some(later(-60)), at()),
        scan("b", Some(later(-30)), later(1)),
    );
    let artifact = artifact(&[first, evidence(ReportKind::Sbom), second.clone()]);
    assert_eq!(artifact.newest(ReportKind::ImageScan), Some(&second));
    assert_eq!(artifact.evidence.len(), 2);
}

#[test]
fn a_report_that_is_older_than_the_one_that_counts_hides_nothing() {
    let newer = scan("bad", Some(later(-10)), later(0));
    // Recorded later, but made before.
    let late = scan("clean", Some(later(-60)), later(5));
    assert_eq!(when(std::slice::from_ref(&newer), late.clone()), Ok(vec![]));
    // The same when it had been there before, and is sent again.
    let again = Evidence {
        recorded_at: later(9),
        ..late.clone()
    };
    assert_eq!(when(&[late, newer], again), Ok(vec![]));
}

#[test]
fn a_report_from_the_future_does_not_count_for_ever() {
    let forged = scan("clean", Some(later(1_000_000)), later(0));
    let honest = scan("bad", Some(later(5)), later(6));
    assert_eq!(when(&[forged], honest.clone()), Ok(vec![added(honest)]));
}

#[test]
fn what_was_sent_never_counts_before_what_the_tool_said() {
    let of = |contents: &str, origin, minutes| Evidence {
        origin,
        kind: ReportKind::RegistryScan,
        ..scan(contents, Some(later(minutes)), later(minutes))
    };
    let fetched = of("critical", Origin::Fetched, 0);
    // Neither a newer one, nor the same bytes again.
    for contents in ["clean", "critical"] {
        let sent = of(contents, Origin::Uploaded, 60);
        assert_eq!(when(std::slice::from_ref(&fetched), sent), Ok(vec![]));
    }
    // What was there before gives way, however new it claims to be, and were it the same.
    for contents in ["clean", "critical"] {
        let sent = of(contents, Origin::Uploaded, 60);
        let given = std::slice::from_ref(&sent);
        assert!(!artifact(given).has_fetched(ReportKind::RegistryScan));
        assert_eq!(when(given, fetched.clone()), Ok(vec![added(fetched.clone())]));
        let both = artifact(&[sent, fetched.clone()]);
        assert!(both.has_fetched(ReportKind::RegistryScan));
        assert_eq!(both.evidence, std::slice::from_ref(&fetched));
    }
    // The tool itself may change its mind.
    let again = of("later", Origin::Fetched, 5);
    assert_eq!(when(&[fetched], again.clone()), Ok(vec![added(again)]));
}

#[test]
fn evidence_of_before_origins_were_recorded_was_sent() {
    let mut value = serde_json::to_value(evidence(ReportKind::Sbom)).unwrap();
    assert_eq!(
        value.as_object_mut().unwrap().remove("origin").unwrap(),
        "uploaded"
    );
    let read: Evidence = serde_json::from_value(value).unwrap();
    assert_eq!(read, evidence(ReportKind::Sbom));
}

#[test]
fn a_report_without_a_time_is_as_old_as_its_record() {
    let (first, second) = (scan("a", None, later(0)), scan("b", None, later(1)));
    assert_eq!(
        when(std::slice::from_ref(&first), second.clone()),
        Ok(vec![added(second.clone())])
    );
    assert_eq!(when(&[second], first), Ok(vec![]));
}

#[test]
fn a_scan_took_from_its_begin_to_its_report() {
    let of = |made: Option<i64>, began: Option<i64>| ScanTime::of(made.map(later), began.map(later), at());
    let took = |from, to| -> Result<ScanTime, DomainError> {
        Ok(ScanTime {
            from: later(from),
            to: later(to),
        })
    };
    assert_eq!(of(Some(-20), Some(-50)), took(-50, -20));
    assert_eq!(of(Some(-20), None), took(-20 - SCAN_MINUTES, -20));
    assert_eq!(of(None, Some(-5)), took(-5, 0), "it was made before it was sent");
    assert_eq!(
        of(Some(90), Some(-5)),
        took(-5, 0),
        "nothing is made in the future"
    );
    for (made, began) in [(None, None), (Some(-20), Some(-19)), (None, Some(1))] {
        let refused = of(made, began).unwrap_err();
        assert!(matches!(&refused, DomainError::Invalid { field, .. } if field == "scanned_at"));
    }
}

#[test]
fn dynamic_scans_count_for_each_environment() {
    let of = |environment| Evidence {
        environment: Some(environment),
        report: digest(&environment.to_string()),
        ..evidence(ReportKind::DynamicScan)
    };
    let artifact = artifact(&[of(Environment::Uat), of(Environment::Pre)]);
    for environment in [Environment::Uat, Environment::Pre] {
        assert_eq!(artifact.dynamic_scan(environment), Some(&of(environment)));
    }
    assert_eq!(artifact.dynamic_scan(Environment::Sit), None);
}

#[test]
fn dynamic_scans_count_for_each_set_of_images() {
    let of = |web: &str| Evidence {
        report: digest(web),
        ran: images(&[("api", "api-1"), ("web", web)]),
        ..evidence(ReportKind::DynamicScan)
    };
    let again = Evidence {
        report: digest("again"),
        ..of("web-1")
    };
    let both = artifact(&[of("web-1"), of("web-2"), again.clone()]);
    assert_eq!(both.evidence, [of("web-2"), again]);
    // An image that never changes does not remember all that it ever ran with.
    let many: Vec<Evidence> = (0..=MAX_SCANS).map(|n| of(&format!("web-{n}"))).collect();
    let artifact = artifact(&many);
    assert_eq!(artifact.evidence, many[1..]);
}

/// A report with its own contents, of a series.
fn of_series(kind: ReportKind, contents: &str, series: Option<&str>) -> Evidence {
    Evidence {
        report: digest(contents),
        series: series.map(str::to_owned),
        ..evidence(kind)
    }
}

#[test]
fn another_tools_analysis_and_another_suites_tests_hide_nothing() {
    for kind in [ReportKind::StaticAnalysis, ReportKind::Tests] {
        let bad = of_series(kind, "bad", Some("semgrep"));
        let other = of_series(kind, "clean", Some("gosec"));
        let nameless = of_series(ReportKind::Tests, "nameless", None);
        let again = of_series(kind, "mended", Some("semgrep"));
        let three = artifact(&[bad.clone(), other.clone(), nameless.clone()]);
        assert_eq!(three.evidence, [bad.clone(), other.clone(), nameless.clone()]);
        let mended = artifact(&[bad, other.clone(), nameless.clone(), again.clone()]);
        assert_eq!(mended.evidence, [other, nameless, again]);
    }
}

#[test]
fn analysis_of_before_its_series_was_recorded_is_of_its_tool() {
    let old = |tool: &str| Evidence {
        tool: tool.into(),
        ..of_series(ReportKind::StaticAnalysis, tool, None)
    };
    let semgrep = of_series(ReportKind::StaticAnalysis, "new", Some("Semgrep OSS"));
    let gosec = of_series(ReportKind::StaticAnalysis, "newer", Some("gosec"));
    let all = [
        old("Semgrep OSS 1.96.0"),
        old("gosec dev"),
        old("gosec"),
        semgrep.clone(),
        gosec.clone(),
    ];
    assert_eq!(artifact(&all).evidence, [old("gosec dev"), semgrep, gosec]);
}

#[test]
fn no_series_is_dropped_for_another() {
    let of = |n: usize| of_series(ReportKind::Tests, &n.to_string(), Some(&format!("suite-{n}")));
    let full: Vec<Evidence> = (0..MAX_SERIES).map(of).collect();
    assert_eq!(artifact(&full).evidence, full);
    let refused = when(&full, of(MAX_SERIES)).unwrap_err();
    assert!(matches!(refused, DomainError::Invalid { field, .. } if field == "suite"));
    let again = of_series(ReportKind::Tests, "again", Some("suite-3"));
    assert_eq!(when(&full, again.clone()), Ok(vec![added(again)]));
    assert!(when(&full, evidence(ReportKind::StaticAnalysis)).is_ok());
}

#[test]
fn a_suite_is_a_word_and_adds_to_the_tools() {
    let suite: Suite = "e2e.web_1-a".parse().unwrap();
    let tests = evidence(ReportKind::Tests);
    assert_eq!(tests.clone().of_suite(None), tests);
    assert_eq!(tests.of_suite(Some(&suite)).series(), Some("e2e.web_1-a"));
    let sarif = of_series(ReportKind::StaticAnalysis, "a", Some("CodeQL"));
    assert_eq!(sarif.of_suite(Some(&suite)).series(), Some("CodeQL: e2e.web_1-a"));
    for wrong in ["", "a b", "ü", "a:b", &"x".repeat(61)] {
        assert!(wrong.parse::<Suite>().is_err(), "{wrong}");
    }
    assert!("x".repeat(60).parse::<Suite>().is_ok());
    for kind in ReportKind::all() {
        let several = matches!(kind, ReportKind::Tests | ReportKind::StaticAnalysis);
        let said = when(&[], evidence(kind).of_suite(Some(&suite)));
        assert_eq!(said.is_ok(), several, "{kind}");
    }
    let of = |series: &str| of_series(ReportKind::Tests, "a", Some(series));
    assert_eq!(field(of(" ")), "suite");
    assert_eq!(field(of(&"x".repeat(201))), "suite");
    assert_eq!(field(evidence(ReportKind::Sbom).of_suite(Some(&suite))), "suite");
}

#[test]
fn limits_name_the_field() {
    let base = || evidence(ReportKind::ImageScan);
    let nowhere = Evidence {
        environment: None,
        ..evidence(ReportKind::DynamicScan)
    };
    assert_eq!(field(nowhere), "environment");
    let somewhere = Evidence {
        environment: Some(Environment::Dev),
        ..base()
    };
    assert_eq!(field(somewhere), "environment");
    let of_nothing = Evidence {
        ran: BTreeMap::new(),
        ..evidence(ReportKind::DynamicScan)
    };
    assert_eq!(field(of_nothing), "environment");
    for tool in ["", " ", &"x".repeat(201)] {
        let wrong = Evidence {
            tool: tool.into(),
            ..base()
        };
        assert_eq!(field(wrong), "tool");
    }
    let finding = |id: &str, location: Option<String>| {
        let mut evidence = findings(
            ReportKind::ImageScan,
            &[("CVE-1", Severity::High), (id, Severity::High)],
        );
        evidence.findings[1].location = location;
        evidence
    };
    assert_eq!(field(finding("", None)), "findings[1].id");
    assert_eq!(field(finding(&"é".repeat(121), None)), "findings[1].id");
    assert!(when(&[], finding(&"é".repeat(120), Some("x".repeat(200)))).is_ok());
    assert_eq!(field(finding("x", Some("x".repeat(201)))), "findings[1].location");
    let many = |number: usize| {
        let mut evidence = base();
        evidence.counts.high = 10_000;
        let one = |n| Finding {
            id: format!("CVE-{n}"),
            severity: Severity::High,
            location: None,
            times: 1,
        };
        evidence.findings = (0..number).map(one).collect();
        evidence
    };
    assert!(when(&[], many(MAX_FINDINGS)).is_ok());
    assert_eq!(field(many(MAX_FINDINGS + 1)), "findings");
}

#[test]
fn a_finding_that_is_named_is_counted() {
    let mut hidden = findings(ReportKind::ImageScan, &[("CVE-1", Severity::Critical)]);
    hidden.counts.critical = 0;
    assert_eq!(field(hidden), "counts");
    let often = |times, counted| {
        let mut scan = findings(ReportKind::ImageScan, &[("CVE-1", Severity::Critical)]);
        scan.findings[0].times = times;
        scan.counts.critical = counted;
        scan
    };
    assert_eq!(field(often(3, 2)), "counts");
    assert_eq!(field(often(0, 1)), "findings[0].times");
    assert!(when(&[], often(2, 2)).is_ok());
}

#[test]
fn a_finding_of_before_its_places_were_counted_was_there_once() {
    let found = serde_json::json!({"id": "CVE-1", "severity": "critical"});
    let read: Finding = serde_json::from_value(found).unwrap();
    assert_eq!(read.times, 1);
}
