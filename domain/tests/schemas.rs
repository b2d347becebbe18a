//! The JSON Schemas of all events are golden files: a released event never changes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod examples;
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cqrs_es::DomainEvent;
use opstella_domain::access::ProjectRole;
use opstella_domain::access::log::AccessEvent;
use opstella_domain::evidence::{
    ArtifactEvent, Evidence, Finding, ReportKind, Severity, TestCounts, Verdict,
};
use opstella_domain::plan::{SagaKind, plan_provision};
use opstella_domain::policy::{
    ApproverRole, CustomGate, Freeze, FreezeWindow, GateResult, GateVerdict, PolicyEvent, PolicyRules,
    PolicyVersions, WeekTime,
};
use opstella_domain::project::ProjectEvent;
use opstella_domain::promotion::{EnvironmentEvent, Health, PromotionKind};
use opstella_domain::release::{ReleaseEvent, ReleaseImage, WaiverId};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{FailureClass, RunEvent, UnwindCause};
use opstella_domain::schema::event_schemas;
use opstella_domain::service::ServiceEvent;
use opstella_domain::subscription::{Settings, SubscriptionEvent};
use opstella_domain::template::{TemplateEvent, TemplateFiles};
use opstella_domain::tool_connection::{Connection, ToolConnectionEvent, ToolSettings, ToolUrl};
use opstella_domain::{Environment, EnvironmentSet};
use serde_json::Value;
use support::promotion::{
    approval, digest, environment_key, evidence, findings, gate, held, image, images, promotion_id,
    release_key, version, waiver, who,
};
use support::{at, component, id, key, outcome, run_id, targets};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/events")
}

#[test]
fn no_released_event_changes() {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for (name, schema) in event_schemas() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let path = folder().join(format!("{name}.json"));
        names.insert(format!("{name}.json"));
        if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(name);
        }
    }
    assert!(
        wrong.is_empty(),
        "the events of {wrong:?} no longer fit schema/events/<Type>.json.\n\
         Events are stored for ever, so a released one never changes:\n\
         - a new event, or a new optional field (`#[serde(default)]`): run the test with OPSTELLA_UPDATE_GOLDEN=1, \
         and review that the difference only adds;\n\
         - anything else: raise that event's version (the third argument of `aggregate!`), register an upcaster in the journal that turns the \
         stored version into the new one, test it with a stored example, and only then update the golden file."
    );
    let there: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "examples")
        .collect();
    assert_eq!(
        there, names,
        "schema/events holds one file per aggregate, examples, and nothing else"
    );
}

/// The variants that a schema of an event enum names.
fn variants(schema: &Value) -> BTreeSet<String> {
    schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|variant| variant["required"].as_array().unwrap().clone())
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Each example fits the schema, survives JSON, and is stored under its variant's name; every variant has one.
fn check<E: DomainEvent>(aggregate: &str, examples: Vec<E>) {
    let (_, schema) = event_schemas()
        .into_iter()
        .find(|(name, _)| *name == aggregate)
        .unwrap();
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let mut seen = BTreeSet::new();
    for event in examples {
        let json = serde_json::to_value(&event).unwrap();
        let wrong: Vec<_> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{json}: {wrong:?}");
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<E>(&text).unwrap(), event);
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, [event.event_type()]);
        if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
            examples::keep(aggregate, &event);
        }
        seen.insert(event.event_type());
    }
    assert_eq!(
        seen,
        variants(schema.as_value()),
        "an example of each event of {aggregate}"
    );
    examples::check::<E>(aggregate, &seen);
    for wrong in [serde_json::json!({}), serde_json::json!({ "Nonsense": {} })] {
        assert!(!validator.is_valid(&wrong));
    }
}

#[test]
fn project_events_fit() {
    let created = |description| ProjectEvent::ProjectCreated {
        slug: "payments".parse().unwrap(),
        name: "Payments".into(),
        description,
        owner: "alice".parse().unwrap(),
    };
    check(
        "Project",
        vec![
            created(None),
            created(Some("Money in and out".into())),
            ProjectEvent::RoleGranted {
                member: "bob".parse().unwrap(),
                role: ProjectRole::Tester,
            },
            ProjectEvent::RoleRevoked {
                member: "bob".parse().unwrap(),
                role: ProjectRole::Tester,
            },
        ],
    );
}

#[test]
fn access_events_fit() {
    let (client, reason) = (|| "opstella-portal".to_owned(), || "by themselves".to_owned());
    let denied = |project| AccessEvent::AccessDenied {
        operation: "CreateService".into(),
        project,
        hidden: true,
    };
    let subject = || "alice".parse().unwrap();
    check(
        "Access",
        vec![
            denied(None),
            denied(Some("payments".parse().unwrap())),
            AccessEvent::SignedIn {
                subject: subject(),
                client: client(),
            },
            AccessEvent::SignInFailed {
                client: client(),
                reason: reason(),
            },
            AccessEvent::SignedOut {
                subject: subject(),
                client: client(),
                reason: reason(),
            },
        ],
    );
}

#[test]
fn run_events_fit() {
    let (step, reason, message) = (
        id("gitlab.project/api"),
        || "why".to_owned(),
        || "409: taken".to_owned(),
    );
    let step = || step.clone();
    let left_behind = vec![step()];
    let components = [component("api"), component("web")];
    let plan = plan_provision(&key(), &components, &EnvironmentSet::all(), &targets()).unwrap();
    let failed = |class| RunEvent::StepFailed {
        step: step(),
        attempt: 1,
        class,
        message: message(),
        duration_ms: 3,
    };
    let succeeded = |provenance: Option<Provenance>| RunEvent::StepSucceeded {
        step: step(),
        attempt: 1,
        outcome: provenance.map(outcome),
        duration_ms: 3,
    };
    let planned = |saga| RunEvent::RunPlanned {
        run: run_id(1),
        saga,
        service: key(),
        adopt: true,
        at: at(),
        environment: Some(Environment::Sit),
        plan: plan.clone(),
    };
    let comp_failed = |not_before| RunEvent::CompensationFailed {
        step: step(),
        attempt: 2,
        message: message(),
        not_before,
    };
    let cause = UnwindCause::StepFailed {
        step: step(),
        message: message(),
    };
    check(
        "Run",
        vec![
            planned(SagaKind::ProvisionService),
            planned(SagaKind::AddComponent),
            planned(SagaKind::AddEnvironment),
            planned(SagaKind::DecommissionService),
            planned(SagaKind::Promote),
            RunEvent::StepAwaited {
                step: step(),
                attempt: 1,
                message: message(),
                since: at(),
                not_before: at(),
            },
            RunEvent::CompensationAwaited {
                step: step(),
                attempt: 1,
                message: message(),
                since: at(),
                not_before: at(),
            },
            RunEvent::StepStarted {
                step: step(),
                attempt: 1,
            },
            succeeded(None),
            succeeded(Some(Provenance::Created)),
            succeeded(Some(Provenance::Existing)),
            succeeded(Some(Provenance::Adopted)),
            failed(FailureClass::Transient),
            failed(FailureClass::Permanent),
            failed(FailureClass::Unauthorised),
            RunEvent::StepRetryScheduled {
                step: step(),
                attempt: 2,
                not_before: at(),
            },
            RunEvent::StepRetryRequested { step: step() },
            RunEvent::StepSkipped {
                step: step(),
                reason: reason(),
            },
            RunEvent::UnwindStarted { cause },
            RunEvent::UnwindStarted {
                cause: UnwindCause::Cancelled { reason: reason() },
            },
            RunEvent::StepCompensated {
                step: step(),
                deleted: true,
                duration_ms: 3,
            },
            comp_failed(None),
            comp_failed(Some(at())),
            RunEvent::RunStuck {
                step: step(),
                message: message(),
            },
            RunEvent::RunSucceeded { left_behind: vec![] },
            RunEvent::RunFailed {
                cause: message(),
                left_behind: vec![],
            },
            RunEvent::RunCancelled {
                reason: reason(),
                left_behind: left_behind.clone(),
            },
            RunEvent::RunAbandoned {
                reason: reason(),
                left_behind,
            },
        ],
    );
}

#[test]
fn service_events_fit() {
    let (run, cause) = (run_id(1), || "step x: no".to_owned());
    let environment = Environment::Uat;
    check(
        "Service",
        vec![
            ServiceEvent::ServiceRequested {
                key: key(),
                components: vec![component("api")],
                environments: EnvironmentSet::all(),
                owner: "alice".parse().unwrap(),
                adopt: false,
                run,
            },
            ServiceEvent::ServiceActivated { run },
            ServiceEvent::ServiceProvisioningFailed {
                run,
                cause: cause(),
                left_behind: true,
            },
            ServiceEvent::ComponentRequested {
                component: component("web"),
                adopt: false,

                run,
            },
            ServiceEvent::ComponentAdded {
                component: component("web"),
                run,
            },
            ServiceEvent::ComponentAdditionFailed {
                component: "web".parse().unwrap(),
                run,
                cause: cause(),
                left_behind: false,
            },
            ServiceEvent::EnvironmentRequested {
                environment,
                adopt: false,
                run,
            },
            ServiceEvent::EnvironmentAdded { environment, run },
            ServiceEvent::EnvironmentAdditionFailed {
                environment,
                run,
                cause: cause(),
                left_behind: false,
            },
            ServiceEvent::ServiceDecommissionRequested { reason: cause(), run },
            ServiceEvent::ServiceDecommissioned {
                run,
                left_behind: false,
            },
            ServiceEvent::ServiceDecommissionAbandoned { run, cause: cause() },
        ],
    );
}

#[test]
fn template_events_fit() {
    let files = [("README.md".to_owned(), "# {{ component }}\n".to_owned())];
    let files = TemplateFiles::try_from(std::collections::BTreeMap::from(files)).unwrap();
    let registered = TemplateEvent::TemplateVersionRegistered {
        template: component("api").template,
        description: "A small HTTP service".into(),
        digest: files.digest(),
        files,
    };
    check("Template", vec![registered]);
}

#[test]
fn tool_connection_events_fit() {
    let connected = |settings| ToolConnectionEvent::ToolConnected {
        key: "vault/main".parse().unwrap(),
        connection: Connection {
            url: ToolUrl::try_from("https://vault.example/".to_owned()).unwrap(),
            credential: "vault-main".parse().unwrap(),
            settings,
        },
    };
    let all = ToolSettings {
        kv_mount: Some("secret".into()),
        kubernetes_auth_mount: Some("kubernetes".into()),
        approle_mount: Some("approle".into()),
        quality_gate: Some("Sonar way".into()),
        destination: Some("https://kubernetes.default.svc".into()),
        keep_artifacts: Some(20),
    };
    check(
        "ToolConnection",
        vec![connected(ToolSettings::default()), connected(all)],
    );
}

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
            },
            ReleaseEvent::ReleaseImagesAdded {
                images: vec![linked],
                author: who("bob"),
                co_authors: [].into(),
            },
            ReleaseEvent::ReleaseSealed { key: release_key() },
            granted(None),
            granted(Some("CVE-2026-1234")),
            ReleaseEvent::WaiverRevoked {
                waiver: WaiverId(uuid::Uuid::from_u128(1)),
                reason: "mended".into(),
            },
        ],
    );
}

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

#[test]
fn subscription_events_fit() {
    let settings = || Settings {
        url: "https://chat.example/hooks/1".parse().unwrap(),
        events: ["Environment.PromotionCompleted", "Run.*"]
            .map(|pattern| pattern.parse().unwrap())
            .into(),
    };
    let created = |key: &str| SubscriptionEvent::SubscriptionCreated {
        key: key.parse().unwrap(),
        settings: settings(),
        secret: 1,
    };
    let replayed = |delivery: Option<&str>| SubscriptionEvent::DeadLettersReplayed {
        delivery: delivery.map(|id| id.parse().unwrap()),
    };
    check(
        "Subscription",
        vec![
            created("chat"),
            created("payments/chat"),
            SubscriptionEvent::SubscriptionChanged { settings: settings() },
            SubscriptionEvent::SubscriptionEnabled {},
            SubscriptionEvent::SubscriptionDisabled {
                reason: "it answered 410 Gone".into(),
            },
            SubscriptionEvent::SubscriptionSecretRotated {
                secret: 2,
                previous_until: at(),
            },
            SubscriptionEvent::SubscriptionPinged {},
            replayed(None),
            replayed(Some("1234-56")),
            SubscriptionEvent::SubscriptionDeleted {
                key: "payments/chat".parse().unwrap(),
            },
        ],
    );
}
