//! Policies and environments.

use opstella_domain::Environment;
use opstella_domain::policy::{
    ApproverRole, CustomGate, Freeze, FreezeWindow, GateResult, GateVerdict, PolicyEvent, PolicyRules,
    PolicyVersions, WeekTime,
};
use opstella_domain::promotion::{EnvironmentEvent, Health, PromotionKind};

use crate::fits::check;
use crate::support::promotion::{
    approval, digest, environment_key, gate, held, images, promotion_id, version, who,
};
use crate::support::{at, run_id};

#[test]
fn policy_events_fit() {
    let set = |key: &str, rules| PolicyEvent::PolicySet {
        key: key.parse().unwrap(),
        version: 3,
        rules: Box::new(rules),
    };
    let window = |when| FreezeWindow {
        name: "a freeze".into(),
        timezone: "Asia/Bangkok".parse().unwrap(),
        when,
    };
    let noon = |day| WeekTime {
        day,
        time: "12:00:00".parse().unwrap(),
    };
    let full = PolicyRules {
        tests: true,
        sbom: true,
        max_high: Some(3),
        freezes: vec![
            window(Freeze::Once {
                from: at().naive_utc(),
                to: at().naive_utc() + chrono::TimeDelta::days(1),
            }),
            window(Freeze::Weekly {
                from: noon(1),
                to: noon(7),
            }),
        ],
        custom: vec![CustomGate {
            name: "licences".into(),
            rego: "package opstella.gate".into(),
        }],
        ..PolicyRules::default_for(Environment::Prd)
    };
    assert_eq!(full.check(), Ok(()));
    let defaults =
        Environment::all().map(|environment| set("payments/PRD", PolicyRules::default_for(environment)));
    check("Policy", defaults.chain([set("PRD", full)]).collect());
}

#[test]
fn environment_events_fit() {
    let promotion = promotion_id(1);
    let (by, reason, cause) = (|| who("alice"), || "why".to_owned(), || "step x: no".to_owned());
    let requested = |kind, change: Option<&str>| EnvironmentEvent::PromotionRequested {
        key: environment_key(Environment::Prd),
        promotion,
        kind,
        release: version("1.0.0"),
        images: images(&[("api", "api-1")]),
        requester: who("alice"),
        authors: [who("bob")].into(),
        change_reference: change.map(|c| c.parse().unwrap()),
        queued: true,
        at: at(),
    };
    let waiting = GateResult {
        opens_at: Some(at()),
        evidence: vec![digest("report")],
        ..gate("soaked", GateVerdict::Waiting)
    };
    let approved = |comment: Option<&str>| {
        use ApproverRole::{Approver, Owner, Security, Tester};
        let mut approval = approval("carol", &[Tester, Approver, Owner, Security]);
        approval.comment = comment.map(str::to_owned);
        EnvironmentEvent::PromotionApproved { promotion, approval }
    };
    let back = |to: Option<&str>| EnvironmentEvent::DeploymentRolledBack {
        promotion,
        cause: cause(),
        to: to.map(version),
        at: at(),
    };
    let health = |health| EnvironmentEvent::HealthChanged { health, at: at() };
    check(
        "Environment",
        vec![
            requested(PromotionKind::Promote, Some("CHG0031337")),
            requested(PromotionKind::Rollback, None),
            EnvironmentEvent::PromotionTakenUp { promotion },
            EnvironmentEvent::GatesEvaluated {
                promotion,
                policy: PolicyVersions {
                    platform: 1,
                    project: 2,
                },
                gates: vec![
                    waiting,
                    gate("quality-gate", GateVerdict::Passed),
                    gate("tests-passed", GateVerdict::Failed),
                    gate("custom:licences", GateVerdict::Waived),
                ],
                basis: digest("basis"),
                independent_approvers: true,
                at: at(),
            },
            approved(None),
            approved(Some("looks good")),
            EnvironmentEvent::ApprovalsVoided {
                promotion,
                reason: reason(),
            },
            EnvironmentEvent::PromotionRejected {
                promotion,
                by: by(),
                reason: reason(),
            },
            EnvironmentEvent::PromotionCancelled {
                promotion,
                by: by(),
                reason: reason(),
            },
            EnvironmentEvent::FreezeOverrideRequested {
                promotion,
                by: by(),
                reason: reason(),
                freezes: vec![held("year end", 60)],
            },
            EnvironmentEvent::FreezeOverridden { promotion, by: by() },
            EnvironmentEvent::DeploymentStarted {
                promotion,
                run: run_id(1),
                at: None,
            },
            EnvironmentEvent::DeploymentStarted {
                promotion,
                run: run_id(1),
                at: Some(at()),
            },
            EnvironmentEvent::PromotionCompleted { promotion, at: at() },
            EnvironmentEvent::PromotionFailed {
                promotion,
                cause: cause(),
                left_behind: true,
                at: at(),
            },
            back(None),
            back(Some("0.9.0")),
            EnvironmentEvent::DriftDetected {
                expected: images(&[("api", "api-1")]),
                found: [("api".parse().unwrap(), "registry.example/api:latest".to_owned())].into(),
                at: at(),
            },
            EnvironmentEvent::DriftCleared { at: at() },
            health(Health::Healthy),
            health(Health::Degraded),
            EnvironmentEvent::EnvironmentRemoved { at: at() },
        ],
    );
}
