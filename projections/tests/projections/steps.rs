//! Single steps of releases and promotions, each decided by the domain on what there is.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use opstella_domain::evidence::{
    Artifact, ArtifactCommand, Evidence, Origin, ReportKind, SeverityCounts, TestCounts, Verdict,
};
use opstella_domain::policy::{
    Approval, ApproverRole, GateInput, ImageEvidence, Policy, PolicyCommand, PolicyRules, PolicyVersions,
    Predecessor, evaluate,
};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentKey, Health, Members, PromotionId, PromotionKind, RunEnd,
    ServiceEnvironment, WhenBusy,
};
use opstella_domain::release::{Digest, Release, ReleaseCommand, ReleaseImage, ReleaseKey};
use opstella_domain::service::{Service, ServiceCommand};
use opstella_domain::{Decide, Environment, RunId, Subject};
use opstella_journal::{Append, EventMetadata, StreamAppend};
use uuid::Uuid;

use crate::stories::{component, environments, key};
use crate::support::World;

/// The service whose releases go everywhere.
pub const SHOP: &str = "retail/shop";

pub fn who(name: &str) -> Subject {
    name.parse().unwrap()
}

pub fn image(component: &str, version: &str) -> Digest {
    Digest::of(format!("{component} {version}").as_bytes())
}

pub fn place(environment: &str) -> EnvironmentKey {
    format!("{SHOP}/{environment}").parse().unwrap()
}

pub fn undone(cause: &str, changed: bool) -> RunEnd {
    RunEnd::Undone {
        cause: cause.into(),
        changed,
        left_behind: false,
    }
}

pub fn report(kind: ReportKind, number: u8, at: DateTime<Utc>) -> Evidence {
    Evidence {
        kind,
        origin: Origin::Uploaded,
        report: Digest::of(&[number]),
        size: 1234,
        tool: format!("tool of {kind} 1.0"),
        produced_at: Some(at),
        recorded_at: at,
        environment: (kind == ReportKind::DynamicScan).then_some(Environment::Uat),
        ran: match kind {
            ReportKind::DynamicScan => ["api", "web"]
                .map(|name| (name.parse().unwrap(), image(name, "1.0.0")))
                .into(),
            _ => BTreeMap::new(),
        },
        series: None,
        verdict: Verdict::Passed,
        counts: SeverityCounts::default(),
        findings: vec![],
        tests: (kind == ReportKind::Tests).then_some(TestCounts {
            passed: 41,
            failed: 0,
            skipped: 1,
        }),
        components: (kind == ReportKind::Sbom).then_some(87),
    }
}

/// The rules of an environment, without the wait.
pub fn rules(environment: Environment) -> PolicyRules {
    PolicyRules {
        soak_minutes: 0,
        ..PolicyRules::default_for(environment)
    }
}

impl World {
    /// Like `send`, but nothing may follow.
    pub async fn act<A>(&self, id: &str, command: <A as Decide>::Command) -> A
    where
        A: Decide + Aggregate<Event = <A as Decide>::Event>,
    {
        let loaded = self.journal.load_fresh::<A>(id).await.unwrap();
        let events = loaded.state.decide(command).unwrap();
        if !events.is_empty() {
            let stream = StreamAppend::of(&loaded, events).unwrap();
            let metadata = EventMetadata::new("system:test", "Test", "c-2");
            self.journal
                .append(Append::new(metadata, vec![stream]))
                .await
                .unwrap();
        }
        self.fresh(id).await
    }

    pub async fn fresh<A>(&self, id: &str) -> A
    where
        A: Decide + Aggregate<Event = <A as Decide>::Event>,
    {
        (*self.journal.load_fresh::<A>(id).await.unwrap().state).clone()
    }

    /// A service that is there.
    pub async fn service(&self, service: &str, chosen: &[&str]) {
        let run = RunId(Uuid::new_v4());
        let command = ServiceCommand::Create {
            key: key(service),
            components: vec![component("api"), component("web")],
            environments: environments(chosen),
            owner: who("olga"),
            adopt: false,
            run,
        };
        self.send::<Service>(service, command).await;
        let command = ServiceCommand::RunSucceeded {
            run,
            left_behind: false,
        };
        self.send::<Service>(service, command).await;
    }

    pub async fn register(&self, version: &str, component: &str, author: &str) {
        let digest = image(component, version);
        let hex = digest.as_str().trim_start_matches("sha256:");
        self.register_commit(version, component, author, (&hex[..40], None))
            .await;
    }

    pub async fn register_commit(
        &self,
        version: &str,
        component: &str,
        author: &str,
        (commit, committed_at): (&str, Option<DateTime<Utc>>),
    ) {
        let id = format!("{SHOP}/{version}");
        let release: ReleaseKey = id.parse().unwrap();
        let image = ReleaseImage {
            component: component.parse().unwrap(),
            digest: image(component, version),
            commit: commit.parse().unwrap(),
            committed_at,
            pipeline: Some("https://gitlab.example/p/1".into()),
        };
        let command = ReleaseCommand::Register {
            key: release,
            images: vec![image],
            author: who(author),
            co_authors: BTreeSet::new(),
            components: vec!["api".parse().unwrap(), "web".parse().unwrap()],
            incarnation: None,
            at: Utc::now(),
        };
        self.act::<Release>(&id, command).await;
    }

    pub async fn tell_of(&self, component: &str, version: &str, evidence: Evidence) {
        let id = format!("{SHOP}/{component}@{}", image(component, version));
        let command = ArtifactCommand::AddEvidence {
            key: id.parse().unwrap(),
            evidence: Box::new(evidence),
        };
        self.act::<Artifact>(&id, command).await;
    }

    pub async fn ask(
        &self,
        environment: &str,
        version: &str,
        kind: PromotionKind,
        at: DateTime<Utc>,
    ) -> PromotionId {
        let (key, promotion) = (place(environment), PromotionId(Uuid::new_v4()));
        let release: Release = self.fresh(&format!("{SHOP}/{version}")).await;
        let before = Environment::all().take_while(|e| *e != key.environment).last();
        let command = EnvironmentCommand::Request {
            key: key.clone(),
            promotion,
            kind,
            release: version.parse().unwrap(),
            images: release.digests(),
            requester: who("carol"),
            authors: release.authors.clone(),
            change_reference: (environment == "PRD").then(|| "CHG0031337".parse().unwrap()),
            when_busy: WhenBusy::Queue,
            came_from: before.map(|e| (e, true)),
            at,
        };
        self.act::<ServiceEnvironment>(&key.to_string(), command).await;
        promotion
    }

    /// Looks at the gates; the run, if the deployment starts.
    pub async fn look(
        &self,
        environment: &str,
        id: PromotionId,
        rules: PolicyRules,
        at: DateTime<Utc>,
    ) -> Option<RunId> {
        let key = place(environment);
        let state: ServiceEnvironment = self.fresh(&key.to_string()).await;
        let promotion = state.promotion(id).unwrap().clone();
        let release: Release = self.fresh(&format!("{SHOP}/{}", promotion.release)).await;
        let mut images = BTreeMap::new();
        for (component, digest) in promotion.images.clone() {
            let artifact: Artifact = self.fresh(&format!("{SHOP}/{component}@{digest}")).await;
            let evidence = artifact.evidence;
            images.insert(component, ImageEvidence { digest, evidence });
        }
        let before = Environment::all().take_while(|e| *e != key.environment).last();
        let mut predecessor = None;
        if let Some(environment) = before {
            let there: ServiceEnvironment = self.fresh(&format!("{SHOP}/{environment}")).await;
            let running = there.running();
            predecessor = Some(Predecessor { environment, running });
        }
        let policy: Policy = self.fresh(environment).await;
        let input = GateInput {
            service: key.service.clone(),
            environments: Environment::all().collect(),
            environment: key.environment,
            release: promotion.release,
            images,
            waivers: release.waivers,
            predecessor,
            change_reference: promotion.change_reference.map(Into::into),
            overridden_freezes: vec![],
            policy: PolicyVersions {
                platform: policy.version,
                project: 0,
            },
            at,
        };
        let run = RunId(Uuid::new_v4());
        let command = EnvironmentCommand::Evaluate {
            promotion: id,
            evaluation: Box::new(evaluate(&rules, &input, vec![])),
            members: Members::new(),
            came_from: None,
            run,
            at,
        };
        let after: ServiceEnvironment = self.act(&key.to_string(), command).await;
        after.promotion(id).unwrap().run
    }

    pub async fn approve(
        &self,
        environment: &str,
        promotion: PromotionId,
        (by, role): (&str, ApproverRole),
        at: DateTime<Utc>,
    ) {
        let key = place(environment);
        let approval = Approval {
            by: who(by),
            name: Some(by.into()),
            roles: BTreeSet::from([role]),
            by_token: BTreeSet::from([role]),
            at,
            comment: Some("looks\u{0}good".into()),
        };
        let command = EnvironmentCommand::Approve {
            key: key.clone(),
            promotion,
            approval,
        };
        self.act::<ServiceEnvironment>(&key.to_string(), command).await;
    }

    pub async fn run_ends(&self, environment: &str, run: Option<RunId>, end: RunEnd, at: DateTime<Utc>) {
        let command = EnvironmentCommand::EndRun {
            run: run.expect("the deployment has started"),
            end,
            at,
        };
        self.act::<ServiceEnvironment>(&place(environment).to_string(), command)
            .await;
    }

    pub async fn observe(&self, environment: &str, web: &str, health: Health, at: DateTime<Utc>) {
        let right = web == "right";
        let found = BTreeMap::from([("web".parse().unwrap(), (web.to_owned(), right))]);
        let health = Some(health);
        let command = EnvironmentCommand::Observe { found, health, at };
        self.act::<ServiceEnvironment>(&place(environment).to_string(), command)
            .await;
    }

    pub async fn set_policy(&self, id: &str, rules: PolicyRules) {
        let command = PolicyCommand::Set {
            key: id.parse().unwrap(),
            rules: Box::new(rules),
            base: None,
        };
        self.act::<Policy>(id, command).await;
    }
}
