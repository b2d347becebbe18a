//! Releases and evidence.

use opstella_domain::Environment;
use opstella_domain::evidence::{
    ArtifactEvent, Evidence, Finding, ReportKind, Severity, TestCounts, Verdict,
};
use opstella_domain::release::{ReleaseEvent, ReleaseImage, Waiver, WaiverId};

use crate::fits::check;
use crate::support::promotion::{digest, evidence, findings, image, release_key, waiver, who};
use crate::support::{at, run_id};

#[test]
fn artifact_events_fit() {
    let added = |evidence| ArtifactEvent::EvidenceAdded {
        key: format!("payments/checkout/api@{}", digest("api-1"))
            .parse()
            .unwrap(),
        evidence: Box::new(evidence),
    };
    let mut full = findings(
        ReportKind::DynamicScan,
        &[
            ("a", Severity::Critical),
            ("b", Severity::High),
            ("c", Severity::Unknown),
        ],
    );
    full.produced_at = Some(at());
    full.verdict = Verdict::Failed;
    full.series = Some("semgrep: nightly".into());
    full.components = Some(7);
    full.findings.push(Finding {
        id: "CVE-2026-1234".into(),
        severity: Severity::Medium,
        location: Some("openssl@3.0.1".into()),
        times: 2,
    });
    full.tests = Some(TestCounts {
        passed: 1,
        failed: 2,
        skipped: 3,
    });
    let every = Environment::all().map(|environment| Evidence {
        environment: Some(environment),
        ..full.clone()
    });
    let kinds = ReportKind::all().map(evidence);
    check("Artifact", kinds.chain(every).map(added).collect());
}

#[test]
fn release_events_fit() {
    let linked = ReleaseImage {
        committed_at: Some(at()),
        pipeline: Some("https://gitlab.example/pipelines/1".into()),
        ..image("web", "web-1")
    };
    let granted = |finding| ReleaseEvent::WaiverGranted {
        waiver: waiver(1, "no-critical-vulnerability", finding),
    };
    check(
        "Release",
        vec![
            ReleaseEvent::ReleaseRegistered {
                key: release_key(),
                images: vec![image("api", "api-1"), linked.clone()],
                author: who("alice"),
                co_authors: [who("carol")].into(),
                incarnation: Some(run_id(1)),
            },
            ReleaseEvent::ReleaseImagesAdded {
                images: vec![linked],
                author: who("bob"),
                co_authors: [].into(),
            },
            ReleaseEvent::ReleaseSealed { key: release_key() },
            granted(None),
            granted(Some("CVE-2026-1234")),
            ReleaseEvent::WaiverGranted {
                waiver: Waiver {
                    modules: [digest("package opstella.gate")].into(),
                    ..waiver(1, "custom:licences", None)
                },
            },
            ReleaseEvent::WaiverRevoked {
                waiver: WaiverId(uuid::Uuid::from_u128(1)),
                reason: "mended".into(),
            },
        ],
    );
}
