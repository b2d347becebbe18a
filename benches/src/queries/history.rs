//! What happens to one service, decided by the domain.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use opstella_domain::evidence::{
    Artifact, ArtifactCommand, Evidence, Origin, ReportKind, SeverityCounts, Verdict,
};
use opstella_domain::policy::ImageEvidence;
use opstella_domain::promotion::ServiceEnvironment;
use opstella_domain::release::{Digest, Release, ReleaseCommand, ReleaseImage, ReleaseVersion};
use opstella_domain::service::{ComponentSpec, Service, ServiceCommand};
use opstella_domain::{ComponentName, Decide, DomainError, Environment, EnvironmentSet, RunId, ServiceKey};
use uuid::Uuid;

use super::fill::Sink;
use crate::BenchError;

const COMPONENTS: [&str; 2] = ["api", "web"];

/// One service and where its releases are.
pub struct History {
    pub(super) key: ServiceKey,
    pub(super) number: u32,
    random: u64,
    release: u32,
    pub(super) images: BTreeMap<ComponentName, ImageEvidence>,
    /// The environment that the release comes to next.
    stage: usize,
    pub(super) environments: BTreeMap<Environment, ServiceEnvironment>,
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
        let mut built: BTreeMap<ComponentName, Digest> = BTreeMap::new();
        for name in COMPONENTS {
            let digest = Digest::of(format!("{id}/{name}").as_bytes());
            built.insert(name.parse()?, digest);
        }
        for (component, digest) in built.clone() {
            let evidence = self.reports(&component, &digest, &built, at, sink)?;
            images.push(ReleaseImage {
                component: component.clone(),
                digest: digest.clone(),
                // A change in each component of each release.
                commit: digest
                    .as_str()
                    .trim_start_matches("sha256:")
                    .chars()
                    .take(40)
                    .collect::<String>()
                    .parse()?,
                committed_at: Some(at),
                pipeline: Some("https://gitlab.example/pipelines/1".to_owned()),
            });
            components.push(component.clone());
            self.images.insert(component, ImageEvidence { digest, evidence });
        }
        let command = ReleaseCommand::Register {
            key: id.parse()?,
            images,
            author: "developer".parse()?,
            co_authors: BTreeSet::new(),
            components,
            incarnation: None,
            at,
        };
        self.decide(&mut Release::default(), &id, command, at, sink)
    }

    fn reports(
        &mut self,
        component: &ComponentName,
        digest: &Digest,
        built: &BTreeMap<ComponentName, Digest>,
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
                origin: Origin::Uploaded,
                report: Digest::of(format!("{id} {kind}").as_bytes()),
                size: 40_000,
                tool: format!("{kind} 1.0"),
                produced_at: Some(at),
                recorded_at: at,
                environment: (kind == ReportKind::DynamicScan).then_some(Environment::Uat),
                ran: match kind {
                    ReportKind::DynamicScan => built.clone(),
                    _ => BTreeMap::new(),
                },
                series: None,
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

    /// Decides and folds in what follows.
    pub(super) fn decide<A: Decide>(
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

    pub(super) fn version(&self) -> Result<ReleaseVersion, BenchError> {
        Ok(format!("1.{}.0", self.release).parse()?)
    }

    pub(super) fn uuid(&mut self) -> Uuid {
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
