//! What happens to one service, decided by the domain.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::evidence::{Artifact, ArtifactCommand, Evidence, ReportKind, SeverityCounts, Verdict};
use opstella_domain::policy::{
    Approval, GateInput, ImageEvidence, PolicyRules, PolicyVersions, Predecessor, Running, evaluate,
};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentKey, Health, PromotionId, PromotionKind, RunEnd, ServiceEnvironment,
    WhenBusy,
};
use opstella_domain::release::{Digest, Release, ReleaseCommand, ReleaseImage, ReleaseVersion};
use opstella_domain::service::{ComponentSpec, Service, ServiceCommand};
use opstella_domain::{
    ComponentName, Decide, DomainError, Environment, EnvironmentSet, RunId, ServiceKey, Subject,
};
use uuid::Uuid;

use super::fill::Sink;
use crate::BenchError;

const COMPONENTS: [&str; 2] = ["api", "web"];

/// One service and where its releases are.
pub struct History {
    key: ServiceKey,
    number: u32,
    random: u64,
    release: u32,
    images: BTreeMap<ComponentName, ImageEvidence>,
    /// The environment that the release comes to next.
    stage: usize,
    environments: BTreeMap<Environment, ServiceEnvironment>,
    sequences: HashMap<(&'static str, String), i64>,
}

impl History {
    /// The service is there.
    pub fn begin(number: u32, at: DateTime<Utc>, sink: &mut Sink) -> Result<Self, BenchError> {
        let key: ServiceKey = format!("team-{}/service-{}", number / 10, number % 10).parse()?;
        let mut history = Self {
            key: key.clone(),
            number,
            random: u64::from(number) + 1,
            release: 0,
            images: BTreeMap::new(),
            stage: 0,
            environments: Environment::all()
                .map(|e| (e, ServiceEnvironment::default()))
                .collect(),
            sequences: HashMap::new(),
        };
        let mut components = Vec::new();
        for name in COMPONENTS {
            let template =
                serde_json::from_value(serde_json::json!({"name": "http-service", "version": "1.0.0"}))?;
            components.push(ComponentSpec {
                name: name.parse()?,
                template,
            });
        }
        let run = RunId(history.uuid());
        let create = ServiceCommand::Create {
            key: key.clone(),
            components,
            environments: EnvironmentSet::all(),
            owner: "owner".parse()?,
            adopt: false,
            run,
        };
        let left_behind = false;
        let ended = ServiceCommand::RunSucceeded { run, left_behind };
        let mut service = Service::default();
        for command in [create, ended] {
            history.decide(&mut service, &key.to_string(), command, at, sink)?;
        }
        Ok(history)
    }

    /// The release comes to its next environment, or a new one to the first; the last promotion stays open.
    pub fn promote(&mut self, at: DateTime<Utc>, last: bool, sink: &mut Sink) -> Result<(), BenchError> {
        if self.stage == 0 {
            self.build(at, sink)?;
        }
        let environment = Environment::all().nth(self.stage).unwrap_or(Environment::Dev);
        let dice = self.next() % 100;
        let completed = self.carry(environment, (dice, last), at, sink)?;
        self.stage = match completed {
            true => (self.stage + 1) % Environment::all().count(),
            false => 0,
        };
        Ok(())
    }

    /// CI registers a release and what reports say of it.
    fn build(&mut self, at: DateTime<Utc>, sink: &mut Sink) -> Result<(), BenchError> {
        self.release += 1;
        let version = self.version()?;
        let id = format!("{}/{version}", self.key);
        let (mut images, mut components) = (Vec::new(), Vec::new());
        self.images.clear();
        for name in COMPONENTS {
            let component: ComponentName = name.parse()?;
            let digest = Digest::of(format!("{id}/{name}").as_bytes());
            let evidence = self.reports(&component, &digest, at, sink)?;
            images.push(ReleaseImage {
                component: component.clone(),
                digest: digest.clone(),
                commit: "0123456789abcdef0123456789abcdef01234567".parse()?,
                pipeline: Some("https://gitlab.example/pipelines/1".to_owned()),
            });
            components.push(component.clone());
            self.images.insert(component, ImageEvidence { digest, evidence });
        }
        let command = ReleaseCommand::Register {
            key: id.parse()?,
            images,
            author: "developer".parse()?,
            components,
        };
        self.decide(&mut Release::default(), &id, command, at, sink)
    }

    fn reports(
        &mut self,
        component: &ComponentName,
        digest: &Digest,
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<Vec<Evidence>, BenchError> {
        let kinds = [
            ReportKind::QualityGate,
            ReportKind::ImageScan,
            ReportKind::Sbom,
            ReportKind::DynamicScan,
        ];
        let id = format!("{}/{component}@{digest}", self.key);
        let mut artifact = Artifact::default();
        for kind in kinds {
            let evidence = Evidence {
                kind,
                report: Digest::of(format!("{id} {kind}").as_bytes()),
                size: 40_000,
                tool: format!("{kind} 1.0"),
                produced_at: Some(at),
                recorded_at: at,
                environment: (kind == ReportKind::DynamicScan).then_some(Environment::Uat),
                verdict: Verdict::Passed,
                counts: SeverityCounts {
                    medium: 3,
                    ..SeverityCounts::default()
                },
                findings: vec![],
                tests: None,
                components: None,
            };
            let command = ArtifactCommand::AddEvidence {
                key: id.parse()?,
                evidence: Box::new(evidence),
            };
            self.decide(&mut artifact, &id, command, at, sink)?;
        }
        Ok(artifact.evidence)
    }

    /// One promotion; whether the release arrived.
    fn carry(
        &mut self,
        environment: Environment,
        (dice, last): (u64, bool),
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<bool, BenchError> {
        let promotion = PromotionId(self.uuid());
        let key = EnvironmentKey {
            service: self.key.clone(),
            environment,
        };
        let later = |minutes| at + TimeDelta::minutes(minutes);
        let before = Environment::all().take_while(|e| *e != environment).last();
        let request = EnvironmentCommand::Request {
            key: key.clone(),
            promotion,
            kind: PromotionKind::Promote,
            release: self.version()?,
            images: self
                .images
                .iter()
                .map(|(name, image)| (name.clone(), image.digest.clone()))
                .collect(),
            requester: "developer".parse()?,
            authors: BTreeSet::from(["developer".parse()?]),
            change_reference: Some("CHG0031337".parse()?),
            when_busy: WhenBusy::Queue,
            came_from: before.map(|e| (e, true)),
            at,
        };
        self.environment(&key, request, at, sink)?;
        let rules = PolicyRules::default_for(environment);
        // Of the last ones some are blocked, some wait for approvals, some deploy.
        let without_evidence = last && self.number.is_multiple_of(3);
        self.look(&key, promotion, (&rules, without_evidence), later(1), sink)?;
        if without_evidence || (last && self.number % 3 == 1) {
            return Ok(false);
        }
        let by: Subject = "approver-0".parse()?;
        let reason = "not now".to_owned();
        // Where a gate waits, people may end it.
        let open = self.run(environment).is_none();
        match dice {
            0..4 if open => {
                let reject = EnvironmentCommand::Reject {
                    key: key.clone(),
                    promotion,
                    by,
                    reason,
                };
                self.environment(&key, reject, later(2), sink)?;
                return Ok(false);
            }
            4..6 if open => {
                let cancel = EnvironmentCommand::Cancel {
                    key: key.clone(),
                    promotion,
                    by,
                    reason,
                };
                self.environment(&key, cancel, later(2), sink)?;
                return Ok(false);
            }
            _ => {}
        }
        for rule in &rules.approvals {
            for person in 0..rule.people {
                let approval = Approval {
                    by: format!("approver-{person}").parse()?,
                    roles: rule.roles.iter().take(1).copied().collect(),
                    at: later(3),
                    comment: None,
                };
                let approve = EnvironmentCommand::Approve {
                    key: key.clone(),
                    promotion,
                    approval,
                };
                self.environment(&key, approve, later(3), sink)?;
            }
            self.look(&key, promotion, (&rules, false), later(4), sink)?;
        }
        let Some(run) = self.run(environment) else {
            let message = format!("promotion {promotion} into {key} does not deploy");
            return Err(BenchError::Unexpected(message));
        };
        if last {
            return Ok(false);
        }
        let undone = |changed| RunEnd::Undone {
            cause: "the application is Degraded".to_owned(),
            changed,
            left_behind: false,
        };
        let end = match dice {
            6..9 => undone(false),
            9..12 => undone(true),
            _ => RunEnd::Succeeded,
        };
        let completed = end == RunEnd::Succeeded;
        let at = later(10);
        self.environment(&key, EnvironmentCommand::EndRun { run, end, at }, at, sink)?;
        if completed && (12..16).contains(&dice) {
            for (health, at) in [(Health::Degraded, later(30)), (Health::Healthy, later(50))] {
                let found = BTreeMap::new();
                let observe = EnvironmentCommand::Observe { found, health, at };
                self.environment(&key, observe, at, sink)?;
            }
        }
        Ok(completed)
    }

    /// Looks at the gates.
    fn look(
        &mut self,
        key: &EnvironmentKey,
        promotion: PromotionId,
        (rules, without_evidence): (&PolicyRules, bool),
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<(), BenchError> {
        let mut images = self.images.clone();
        if without_evidence {
            images.values_mut().for_each(|image| image.evidence.clear());
        }
        let before = Environment::all().take_while(|e| *e != key.environment).last();
        let predecessor = before.map(|environment| Predecessor {
            environment,
            running: self
                .environments
                .get(&environment)
                .and_then(|e| e.current.as_ref())
                .map(|d| Running {
                    release: d.release.clone(),
                    since: d.since,
                    healthy: d.health == Health::Healthy,
                }),
        });
        let input = GateInput {
            service: key.service.clone(),
            environment: key.environment,
            release: self.version()?,
            images,
            waivers: vec![],
            predecessor,
            change_reference: Some("CHG0031337".to_owned()),
            freeze_overridden: false,
            policy: PolicyVersions::default(),
            at,
        };
        let evaluation = Box::new(evaluate(rules, &input, vec![]));
        let run = RunId(self.uuid());
        let command = EnvironmentCommand::Evaluate {
            promotion,
            evaluation,
            run,
            at,
        };
        self.environment(key, command, at, sink)
    }

    fn run(&self, environment: Environment) -> Option<RunId> {
        self.environments.get(&environment)?.in_flight.as_ref()?.run
    }

    fn environment(
        &mut self,
        key: &EnvironmentKey,
        command: EnvironmentCommand,
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<(), BenchError> {
        let mut state = self.environments.remove(&key.environment).unwrap_or_default();
        let decided = self.decide(&mut state, &key.to_string(), command, at, sink);
        self.environments.insert(key.environment, state);
        decided
    }

    /// Decides and folds in what follows.
    fn decide<A: Decide>(
        &mut self,
        state: &mut A,
        id: &str,
        command: A::Command,
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<(), BenchError> {
        let events: Result<Vec<A::Event>, DomainError> = state.decide(command);
        let sequence = self
            .sequences
            .entry((<A as Decide>::TYPE, id.to_owned()))
            .or_default();
        for event in events? {
            *sequence += 1;
            sink.push::<A>((id, *sequence), &event, at)?;
            state.evolve(event);
        }
        Ok(())
    }

    fn version(&self) -> Result<ReleaseVersion, BenchError> {
        Ok(format!("1.{}.0", self.release).parse()?)
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    /// The same numbers each time (SplitMix64).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
