//! What the scanner says of an image.

use opstella_adapters::{FetchedReport, ReportSource, StepError, ToolAdapter};
use opstella_domain::evidence::{ArtifactKey, ReportKind};
use opstella_domain::naming::{QualityKey, RegistryProject};
use opstella_evidence::{Expected, ReportError, parse};
use opstella_sandbox::Fault;
use opstella_sandbox::harbor::Pushed;
use serde_json::{Value, json};

use crate::promotion::digest;
use crate::support::failures;
use crate::world::{PROJECT, World, project, service};

const KIND: &str = "application/vnd.security.vulnerability.report; version=1.1";

fn scan(digit: char) -> ReportSource {
    ReportSource::RegistryScan {
        project: RegistryProject::of(&service()),
        repository: "api".parse().unwrap(),
        digest: digest(digit).parse().unwrap(),
    }
}

fn overview(status: &str, critical: u32) -> Value {
    json!({KIND: {
        "report_id": "f1c0", "scan_status": status, "severity": "Critical", "duration": 5, "complete_percent": 100,
        "summary": {"total": critical, "fixable": 0, "summary": {"Critical": critical}},
        "start_time": "2026-11-25T09:59:55.000Z", "end_time": "2026-11-25T10:00:00.000Z",
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.58.1"},
    }})
}

async fn with_image() -> (World, Pushed) {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let pushed = world.tool.push(PROJECT, "api", "1.0", &digest('1')).unwrap();
    (world, pushed)
}

impl World {
    async fn report(&self, digit: char) -> Option<FetchedReport> {
        self.adapter.report(&scan(digit)).await.unwrap()
    }
}

#[tokio::test]
async fn it_is_the_overview_as_harbor_wrote_it() {
    let (world, pushed) = with_image().await;
    world.tool.scanned(&pushed, overview("Running", 0));
    let report = world.report('1').await.unwrap();
    let read =
        |report: &FetchedReport| parse(ReportKind::RegistryScan, &report.content, &Expected::default());
    assert!(matches!(read(&report), Err(ReportError::Unfinished { .. })));
    world.tool.scanned(&pushed, overview("Success", 2));
    let report = world.report('1').await.unwrap();
    let parsed = read(&report).unwrap();
    assert_eq!(parsed.counts.critical, 2);
    assert_eq!(parsed.tool, "harbor Trivy v0.58.1");
    // Nothing around it that changes while the scan does not.
    let content: Value = serde_json::from_slice(&report.content).unwrap();
    assert_eq!(content, overview("Success", 2));
    assert_eq!(world.report('1').await.unwrap(), report);
}

/// A waiver of one finding is for what it names.
#[tokio::test]
async fn what_was_found_has_names_once_the_scan_is_over() {
    let (world, pushed) = with_image().await;
    let found = json!({KIND: {
        "generated_at": "2026-11-25T10:00:00.000Z", "severity": "Critical",
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.58.1"},
        "vulnerabilities": [{
            "id": "CVE-2026-31337", "package": "openssl", "version": "3.0.1", "fix_version": "3.0.2",
            "severity": "Critical", "description": "", "links": [],
        }],
    }});
    world.tool.found(&pushed, found);
    // Of the scan before, perhaps.
    world.tool.scanned(&pushed, overview("Running", 0));
    let parsed =
        |report: FetchedReport| parse(ReportKind::RegistryScan, &report.content, &Expected::default());
    let unfinished = parsed(world.report('1').await.unwrap());
    assert!(
        matches!(unfinished, Err(ReportError::Unfinished { .. })),
        "{unfinished:?}"
    );
    world.tool.scanned(&pushed, overview("Success", 1));
    let parsed = parsed(world.report('1').await.unwrap()).unwrap();
    assert_eq!(parsed.counts.critical, 1);
    assert_eq!(parsed.findings.len(), 1);
    assert_eq!(parsed.findings[0].id.as_str(), "CVE-2026-31337");
    assert_eq!(parsed.tool, "harbor Trivy v0.58.1");
}

#[tokio::test]
async fn there_is_none_of_what_is_not_there_or_not_scanned() {
    let (world, pushed) = with_image().await;
    assert_eq!(world.report('9').await, None);
    for nothing in [json!({}), Value::Null] {
        world.tool.scanned(&pushed, nothing);
        assert_eq!(world.report('1').await, None);
    }
    let gate = ReportSource::QualityGate {
        key: QualityKey::of(&service(), &"api".parse().unwrap()),
        commit: "a".repeat(40).parse().unwrap(),
    };
    let error = world.adapter.report(&gate).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
}

#[tokio::test]
async fn failures_are_classed_and_another_image_is_refused() {
    let (world, _) = with_image().await;
    for (fault, classed) in failures("harbor") {
        world.sandbox.add_fault(fault.clone()).unwrap();
        let error = world.adapter.report(&scan('1')).await.unwrap_err();
        assert!(classed(&error), "{fault:?}: {error:?}");
        world.sandbox.clear_faults();
    }
    let other = json!({"digest": digest('2'), "scan_overview": overview("Success", 0)});
    let fault = Fault::on("harbor").status(200).body(other);
    world.sandbox.add_fault(fault).unwrap();
    let error = world.adapter.report(&scan('1')).await.unwrap_err();
    assert!(error.to_string().contains(&digest('2')), "{error}");
}

#[tokio::test]
async fn the_configuration_of_an_image_is_read_from_its_manifest() {
    let (world, pushed) = with_image().await;
    let image = |digit| ArtifactKey {
        service: service(),
        component: "api".parse().unwrap(),
        digest: digest(digit).parse().unwrap(),
    };
    assert!(world.adapter.image_configs(&image('1')).await.unwrap().is_empty());
    assert!(world.adapter.image_configs(&image('2')).await.unwrap().is_empty());
    world.tool.configured(&pushed, &digest('c'));
    let configs = world.adapter.image_configs(&image('1')).await.unwrap();
    assert_eq!(configs, [digest('c').parse().unwrap()]);
    let path = "/v2/*/api/manifests/*";
    let html = Fault::on("harbor")
        .path(path)
        .status(200)
        .body(json!("<html>"))
        .times(1);
    world.sandbox.add_fault(html).unwrap();
    assert!(world.adapter.image_configs(&image('1')).await.is_err());
    let index = json!({"schemaVersion": 2, "manifests": [{"digest": digest('1'), "size": 1}]});
    let index = Fault::on("harbor").path(path).status(200).body(index).times(1);
    world.sandbox.add_fault(index).unwrap();
    let configs = world.adapter.image_configs(&image('9')).await.unwrap();
    assert_eq!(configs, [digest('c').parse().unwrap()], "of each platform");
}
