//! Examples of the events of releases, evidence, policies and promotions, as they are stored.

use cqrs_es::DomainEvent;
use opstella_domain::evidence::ArtifactEvent;
use opstella_domain::policy::PolicyEvent;
use opstella_domain::promotion::EnvironmentEvent;
use opstella_domain::release::ReleaseEvent;
use serde_json::{Value, json};

use crate::check;

const ID: &str = "0198c5f0-0000-7000-8000-000000000001";
const AT: &str = "2026-01-02T03:04:05Z";

fn digest(of: char) -> String {
    format!("sha256:{}", of.to_string().repeat(64))
}

fn events<E: DomainEvent>(events: Value) -> Vec<E> {
    serde_json::from_value(events).unwrap()
}

fn service() -> Value {
    json!({"project": "payments", "service": "checkout"})
}

#[test]
fn release_events_fit() {
    let key = json!({"service": service(), "version": "1.4.0"});
    let image = json!({"component": "api", "digest": digest('a'), "commit": "3f786850e387550fdab836ed7e6dc881de23001b"});
    let mut with_link = image.clone();
    with_link["pipeline"] = json!("https://gitlab.example/payments/checkout_api/-/pipelines/17");
    with_link["committed_at"] = json!(AT);
    let waiver = json!({
        "id": ID, "gate": "no-critical-vulnerability", "reason": "not called", "by": "eve", "expires_at": AT,
    });
    let mut of_finding = waiver.clone();
    of_finding["finding"] = json!("CVE-2026-1234");
    let all = json!([
        {"ReleaseRegistered": {"key": key, "images": [image], "author": "alice"}},
        {"ReleaseImagesAdded": {"images": [with_link], "author": "bob"}},
        {"ReleaseSealed": {"key": key}},
        {"WaiverGranted": {"waiver": waiver}},
        {"WaiverGranted": {"waiver": of_finding}},
        {"WaiverRevoked": {"waiver": ID, "reason": "fixed"}},
    ]);
    check::<ReleaseEvent>("Release", events(all));
}

#[test]
fn artifact_events_fit() {
    let counts = json!({"critical": 1, "high": 2, "medium": 3, "low": 4, "info": 5, "unknown": 6});
    let key = json!({"service": service(), "component": "api", "digest": digest('a')});
    let least = json!({
        "kind": "image-scan", "report": digest('b'), "size": 1024, "tool": "trivy 0.58.1", "recorded_at": AT,
        "verdict": "failed", "counts": counts,
    });
    let mut most = least.clone();
    for (name, value) in [
        ("kind", json!("dynamic-scan")),
        ("produced_at", json!(AT)),
        ("environment", json!("UAT")),
        ("ran", json!({"api": digest('a')})),
        ("verdict", json!("passed")),
        (
            "findings",
            json!([{"id": "CVE-2026-1234", "severity": "critical", "location": "openssl"}]),
        ),
        ("tests", json!({"passed": 1, "failed": 0, "skipped": 2})),
        ("components", json!(40)),
    ] {
        most[name] = value;
    }
    let all = json!([
        {"EvidenceAdded": {"key": key, "evidence": least}},
        {"EvidenceAdded": {"key": key, "evidence": most}},
    ]);
    check::<ArtifactEvent>("Artifact", events(all));
}

#[test]
fn policy_events_fit() {
    let rules = json!({
        "quality_gate": true, "tests": true, "sbom": true, "max_critical": 0, "max_high": 5, "healthy_before": true,
        "dynamic_scan": "UAT", "no_open_critical": true, "soak_minutes": 60, "independent_approvers": true,
        "approvals": [{"roles": ["approver", "tester"], "people": 2}],
        "change_reference": true, "rollback_approvals": 1,
        "freezes": [
            {"name": "year end", "timezone": "Asia/Bangkok", "when":
                {"type": "once", "from": "2026-12-24T00:00:00", "to": "2027-01-02T00:00:00"}},
            {"name": "weekend", "timezone": "Europe/Berlin", "when":
                {"type": "weekly", "from": {"day": 5, "time": "16:00:00"}, "to": {"day": 1, "time": "06:00:00"}}},
        ],
        "custom": [{"name": "no-friday", "rego": "package opstella.gate\ndeny := set()\n"}],
    });
    let all = json!([
        {"PolicySet": {"key": {"environment": "PRD"}, "version": 1, "rules": rules}},
        {"PolicySet": {"key": {"project": "payments", "environment": "PRD"}, "version": 2, "rules": {}}},
    ]);
    check::<PolicyEvent>("Policy", events(all));
}

#[test]
fn environment_events_fit() {
    let requested = json!({
        "key": {"service": service(), "environment": "PRD"}, "promotion": ID, "kind": "promote", "release": "1.4.0",
        "images": {"api": digest('a')}, "requester": "alice", "authors": ["alice", "bob"], "queued": false, "at": AT,
    });
    let mut rollback = requested.clone();
    rollback["kind"] = json!("rollback");
    rollback["change_reference"] = json!("CHG0031337");
    let gates = json!([
        {"gate": "quality-gate", "verdict": "passed", "reason": "it is", "evidence": [digest('b')]},
        {"gate": "soaked", "verdict": "waiting", "reason": "23 minutes", "remedy": "wait", "opens_at": AT},
        {"gate": "custom:no-friday", "verdict": "waived", "reason": "once"},
        {"gate": "tests-passed", "verdict": "failed", "reason": "one failed"},
    ]);
    let all = json!([
        {"PromotionRequested": requested},
        {"PromotionRequested": rollback},
        {"PromotionTakenUp": {"promotion": ID}},
        {"GatesEvaluated": {
            "promotion": ID, "policy": {"platform": 1, "project": 0}, "gates": gates, "basis": digest('c'),
            "independent_approvers": true, "at": AT}},
        {"PromotionApproved": {"promotion": ID, "approval": {"by": "eve", "roles": ["security"], "at": AT}}},
        {"PromotionApproved": {"promotion": ID, "approval": {
            "by": "eve", "roles": ["owner", "approver"], "at": AT, "comment": "tested by hand"}}},
        {"ApprovalsVoided": {"promotion": ID, "reason": "a report is new"}},
        {"PromotionRejected": {"promotion": ID, "by": "eve", "reason": "no"}},
        {"PromotionCancelled": {"promotion": ID, "by": "alice", "reason": "no"}},
        {"FreezeOverrideRequested": {"promotion": ID, "by": "root", "reason": "an outage", "freezes": [
            {"until": AT, "window": {"name": "year end", "timezone": "Europe/Berlin", "when": {
                "type": "once", "from": "2025-12-20T00:00:00", "to": "2026-01-06T00:00:00"}}}]}},
        {"FreezeOverridden": {"promotion": ID, "by": "admin"}},
        {"DeploymentStarted": {"promotion": ID, "run": ID}},
        {"PromotionCompleted": {"promotion": ID, "at": AT}},
        {"PromotionFailed": {"promotion": ID, "cause": "no", "left_behind": true, "at": AT}},
        {"DeploymentRolledBack": {"promotion": ID, "cause": "no", "at": AT}},
        {"DeploymentRolledBack": {"promotion": ID, "cause": "no", "to": "1.3.0", "at": AT}},
        {"DriftDetected": {"expected": {"api": digest('a')}, "found": {"api": "other"}, "at": AT}},
        {"DriftCleared": {"at": AT}},
        {"EnvironmentRemoved": {"at": AT}},
        {"HealthChanged": {"health": "degraded", "at": AT}},
        {"HealthChanged": {"health": "healthy", "at": AT}},
    ]);
    check::<EnvironmentEvent>("Environment", events(all));
}
