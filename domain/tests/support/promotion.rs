//! Values that the tests of releases, policies and promotions share.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::evidence::{
    Evidence, Finding, Origin, ReportKind, Severity, SeverityCounts, TestCounts, Verdict,
};
use opstella_domain::policy::{
    Approval, ApproverRole, Freeze, FreezeWindow, GateInput, GateName, GateResult, GateVerdict, HeldFreeze,
    ImageEvidence, PolicyVersions, Predecessor, Running, RunningImage,
};
use opstella_domain::promotion::{EnvironmentKey, PromotionId};
use opstella_domain::release::{Digest, ReleaseImage, ReleaseKey, ReleaseVersion, Waiver, WaiverId};
use opstella_domain::{ComponentName, Environment, Subject};
use uuid::Uuid;

use super::{at, key};

pub fn name(component: &str) -> ComponentName {
    component.parse().unwrap()
}

pub fn who(subject: &str) -> Subject {
    subject.parse().unwrap()
}

pub fn version(text: &str) -> ReleaseVersion {
    text.parse().unwrap()
}

pub fn digest(contents: &str) -> Digest {
    Digest::of(contents.as_bytes())
}

pub fn release_key() -> ReleaseKey {
    ReleaseKey {
        service: key(),
        version: version("1.0.0"),
    }
}

pub fn environment_key(environment: Environment) -> EnvironmentKey {
    EnvironmentKey {
        service: key(),
        environment,
    }
}

pub fn promotion_id(number: u128) -> PromotionId {
    PromotionId(Uuid::from_u128(number))
}

pub fn image(component: &str, contents: &str) -> ReleaseImage {
    ReleaseImage {
        component: name(component),
        digest: digest(contents),
        commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        committed_at: None,
        pipeline: None,
    }
}

pub fn images(pairs: &[(&str, &str)]) -> BTreeMap<ComponentName, Digest> {
    pairs.iter().map(|(c, d)| (name(c), digest(d))).collect()
}

pub fn later(minutes: i64) -> DateTime<Utc> {
    at() + TimeDelta::minutes(minutes)
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn roles(roles: &[ApproverRole]) -> BTreeSet<ApproverRole> {
    roles.iter().copied().collect()
}

pub fn approval(by: &str, of: &[ApproverRole]) -> Approval {
    Approval {
        by: who(by),
        name: Some(by.into()),
        roles: roles(of),
        by_token: roles(of),
        at: at(),
        comment: None,
    }
}

/// A report that says nothing bad.
pub fn evidence(kind: ReportKind) -> Evidence {
    Evidence {
        kind,
        origin: Origin::Uploaded,
        report: digest(kind.slug()),
        size: 1000,
        tool: "tool 1.0".into(),
        produced_at: None,
        recorded_at: at(),
        environment: (kind == ReportKind::DynamicScan).then_some(Environment::Uat),
        ran: match kind {
            ReportKind::DynamicScan => images(&[("api", "api-1")]),
            _ => BTreeMap::new(),
        },
        series: None,
        verdict: Verdict::Passed,
        counts: SeverityCounts::default(),
        findings: vec![],
        tests: (kind == ReportKind::Tests).then_some(TestCounts {
            passed: 3,
            failed: 0,
            skipped: 1,
        }),
        components: None,
    }
}

/// A report with these findings.
pub fn findings(kind: ReportKind, found: &[(&str, Severity)]) -> Evidence {
    let mut evidence = evidence(kind);
    for (id, severity) in found {
        evidence.counts.add(*severity);
        evidence.findings.push(Finding {
            id: (*id).into(),
            severity: *severity,
            location: None,
            times: 1,
        });
    }
    evidence
}

pub fn gate_name(name: &str) -> GateName {
    name.parse().unwrap()
}

pub fn gate(name: &str, verdict: GateVerdict) -> GateResult {
    GateResult {
        gate: gate_name(name),
        verdict,
        reason: "because".into(),
        remedy: (!verdict.open()).then(|| "do something".into()),
        opens_at: None,
        evidence: vec![],
    }
}

/// A freeze that holds for so many minutes.
pub fn held(name: &str, minutes: i64) -> HeldFreeze {
    HeldFreeze {
        window: FreezeWindow {
            name: name.into(),
            timezone: "UTC".parse().unwrap(),
            when: Freeze::Once {
                from: later(-10).naive_utc(),
                to: later(minutes).naive_utc(),
            },
        },
        until: later(minutes),
    }
}

/// A waiver of a gate, or of a finding of it, for a day.
pub fn waiver(number: u128, gate: &str, finding: Option<&str>) -> Waiver {
    Waiver {
        id: WaiverId(Uuid::from_u128(number)),
        gate: gate_name(gate),
        finding: finding.map(str::to_owned),
        reason: "not reachable".into(),
        by: who("sam"),
        expires_at: later(24 * 60),
        modules: [].into(),
    }
}

/// An image that has run since so many minutes from now.
pub fn runs(contents: &str, minutes: i64) -> RunningImage {
    RunningImage {
        digest: digest(contents),
        since: later(minutes),
    }
}

/// A release with one image and this evidence, on its way from PRE to PRD.
pub fn gate_input(evidence: Vec<Evidence>) -> GateInput {
    let image = ImageEvidence {
        digest: digest("api-1"),
        evidence,
    };
    GateInput {
        service: key(),
        environments: Environment::all().collect(),
        environment: Environment::Prd,
        release: version("1.0.0"),
        images: BTreeMap::from([(name("api"), image)]),
        waivers: vec![],
        predecessor: Some(Predecessor {
            environment: Environment::Pre,
            running: Some(Running {
                release: version("1.0.0"),
                since: later(-2 * 24 * 60),
                healthy: true,
                well_since: None,
                images: [(name("api"), runs("api-1", -2 * 24 * 60))].into(),
            }),
        }),
        change_reference: Some("CHG1".into()),
        overridden_freezes: vec![],
        policy: PolicyVersions::default(),
        at: at(),
    }
}
