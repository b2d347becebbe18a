//! Releases, their evidence and waivers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::evidence::{Artifact, ArtifactCommand, ArtifactKey, Evidence, ReportKind, ScanTime};
use opstella_domain::policy::GateName;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Digest, Release, ReleaseCommand, ReleaseImage, ReleaseKey, Waiver, WaiverId};
use opstella_domain::{ComponentName, DomainError, Environment, ServiceKey, Subject};
use opstella_journal::Loaded;
use uuid::Uuid;

use crate::catalog::decide_one;
use crate::{Accepted, CommandContext, CommandError, Commands, Report};

/// `RegisterRelease`.
#[derive(Debug, Clone)]
pub struct RegisterRelease {
    /// Which.
    pub key: ReleaseKey,
    /// Its images.
    pub images: Vec<ReleaseImage>,
    /// Who wrote what is in it; the caller where nobody is named, unless that is a machine.
    pub authors: Vec<Subject>,
}

/// `AddEvidence`.
#[derive(Debug, Clone)]
pub struct AddEvidence {
    /// Of which release.
    pub key: ReleaseKey,
    /// Of which component's image.
    pub component: ComponentName,
    /// What the report says.
    pub evidence: Evidence,
    /// When the scan began, of a dynamic one.
    pub scanned_at: Option<DateTime<Utc>>,
    /// The report itself.
    pub original: Report,
}

/// `GrantWaiver`.
#[derive(Debug, Clone)]
pub struct GrantWaiver {
    /// For which release.
    pub key: ReleaseKey,
    /// Which gate.
    pub gate: GateName,
    /// Only this finding.
    pub finding: Option<String>,
    /// Why.
    pub reason: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

impl Commands {
    /// Registers images of a release.
    ///
    /// # Errors
    /// [`CommandError`]; `AlreadyExists` where the version has another image of a component.
    pub async fn register_release(
        &self,
        context: &CommandContext,
        request: RegisterRelease,
    ) -> Result<Accepted, CommandError> {
        let request = &request;
        let key = &request.key;
        let decide = || async move {
            let service = self.active(&key.service, "RegisterRelease").await?;
            let release = self
                .load_new_expected::<Release>(&key.to_string(), context)
                .await?;
            let author = match request.authors.first() {
                Some(author) => author.clone(),
                None if context.grants.is_machine() => return Err(nobody_wrote_it()),
                None => context.caller()?,
            };
            let command = ReleaseCommand::Register {
                key: key.clone(),
                images: request.images.clone(),
                author,
                co_authors: request.authors.iter().skip(1).cloned().collect(),
                components: service.components.iter().map(|c| c.name.clone()).collect(),
                incarnation: service.incarnation,
                at: Utc::now(),
            };
            decide_one(&release, command, path(key))
        };
        self.carry_out("RegisterRelease", context, Some(&key.service.project), decide)
            .await
    }

    /// Seals a release that has not an image of every component.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn seal_release(
        &self,
        context: &CommandContext,
        key: ReleaseKey,
    ) -> Result<Accepted, CommandError> {
        let command = ReleaseCommand::Seal { key: key.clone() };
        self.change_release("SealRelease", context, &key, command).await
    }

    /// Adds what a report says of an image of a release, and keeps the report. The same report again changes nothing, and
    /// of one that is refused nothing is kept.
    ///
    /// # Errors
    /// [`CommandError`]; `NotFound` where the release has no image of the component.
    pub async fn add_evidence(
        &self,
        context: &CommandContext,
        request: AddEvidence,
    ) -> Result<Accepted, CommandError> {
        let request = &request;
        let key = &request.key;
        let decide = || async move {
            let component = &request.component;
            let image = self.release_image(key, component).await?;
            let (artifact, loaded) = self.artifact(&key.service, component, &image.digest).await?;
            let mut evidence = request.evidence.clone();
            evidence.ran = self.ran(&key.service, request).await?;
            evidence.produced_at = evidence.produced_at.or(request.scanned_at);
            let command = ArtifactCommand::AddEvidence {
                key: artifact,
                evidence: Box::new(evidence),
            };
            let decision = decide_one(&loaded, command, path(key))?;
            if decision.streams.iter().any(|stream| !stream.is_empty()) {
                self.keep_report(&request.evidence.report, &request.original)
                    .await?;
            }
            Ok(decision)
        };
        self.carry_out("AddEvidence", context, Some(&key.service.project), decide)
            .await
    }

    /// What an environment ran all of the time that it was scanned; nothing of other reports. When a report was sent says
    /// nothing of it: another release may have come meanwhile.
    async fn ran(
        &self,
        service: &ServiceKey,
        request: &AddEvidence,
    ) -> Result<BTreeMap<ComponentName, Digest>, CommandError> {
        let evidence = &request.evidence;
        if evidence.kind != ReportKind::DynamicScan {
            let rule = "none: only of a dynamic-scan it is asked when it began";
            let given = request
                .scanned_at
                .map(|_| DomainError::invalid("scanned_at", rule));
            return given.map_or(Ok(BTreeMap::new()), |error| Err(error.into()));
        }
        let Some(environment) = evidence.environment else {
            return Ok(BTreeMap::new());
        };
        let time = ScanTime::of(evidence.produced_at, request.scanned_at, evidence.recorded_at)?;
        let key = EnvironmentKey {
            service: service.clone(),
            environment,
        };
        let scanned = self.load::<ServiceEnvironment>(&key.to_string()).await?;
        Ok(scanned.state.ran_through(time.from, time.to))
    }

    /// An image of a component, with the evidence on it.
    pub(crate) async fn artifact(
        &self,
        service: &ServiceKey,
        component: &ComponentName,
        digest: &Digest,
    ) -> Result<(ArtifactKey, Loaded<Artifact>), CommandError> {
        let key = ArtifactKey {
            service: service.clone(),
            component: component.clone(),
            digest: digest.clone(),
        };
        let loaded = self.load::<Artifact>(&key.to_string()).await?;
        Ok((key, loaded))
    }

    /// The image of a component in a release, as its pipeline built it.
    ///
    /// # Errors
    /// [`CommandError`]; `NotFound` where there is none.
    pub async fn release_image(
        &self,
        key: &ReleaseKey,
        component: &ComponentName,
    ) -> Result<ReleaseImage, CommandError> {
        let release = self.release(key).await?;
        release.state.images.get(component).cloned().ok_or_else(|| {
            DomainError::NotFound {
                kind: "image",
                id: format!("{key}/{component}"),
            }
            .into()
        })
    }

    /// Whether evidence that counts on an image of the release rests on a report.
    ///
    /// # Errors
    /// [`CommandError`]; `NotFound` where there is no such release.
    pub async fn rests_on(&self, key: &ReleaseKey, report: &Digest) -> Result<bool, CommandError> {
        for (component, digest) in self.release(key).await?.state.digests() {
            let (_, artifact) = self.artifact(&key.service, &component, &digest).await?;
            if artifact.state.evidence.iter().any(|e| &e.report == report) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waives a gate, or one finding of it, for a release and a while.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn grant_waiver(
        &self,
        context: &CommandContext,
        request: GrantWaiver,
    ) -> Result<Accepted, CommandError> {
        let (id, by) = (WaiverId(Uuid::now_v7()), &context.caller()?);
        let request = &request;
        let key = &request.key;
        let decide = || async move {
            let loaded = self.load_expected::<Release>(&key.to_string(), context).await?;
            self.of_this_service(key, &loaded.state).await?;
            let waiver = Waiver {
                id,
                gate: request.gate.clone(),
                finding: request.finding.clone(),
                reason: request.reason.clone(),
                by: by.clone(),
                expires_at: request.expires_at,
                modules: self.modules(&key.service, &request.gate).await?,
            };
            let command = ReleaseCommand::GrantWaiver {
                key: key.clone(),
                waiver,
                at: Utc::now(),
            };
            decide_one(&loaded, command, path(key))
        };
        self.carry_out("GrantWaiver", context, Some(&key.service.project), decide)
            .await
    }

    /// The modules that a gate in Rego has now, on the way into one environment or another; nothing of other gates.
    async fn modules(&self, service: &ServiceKey, gate: &GateName) -> Result<BTreeSet<Digest>, CommandError> {
        let mut modules = BTreeSet::new();
        if !gate.is_custom() {
            return Ok(modules);
        }
        for environment in Environment::all() {
            let key = EnvironmentKey {
                service: service.clone(),
                environment,
            };
            modules.extend(self.policy_of(&key).await?.0.module(gate));
        }
        if modules.is_empty() {
            let rule =
                "a gate that some policy has: one in Rego is waived as it is now, and not what replaces it";
            return Err(DomainError::invalid("gate", rule).into());
        }
        Ok(modules)
    }

    /// Takes a waiver back.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn revoke_waiver(
        &self,
        context: &CommandContext,
        key: ReleaseKey,
        waiver: WaiverId,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        let command = ReleaseCommand::RevokeWaiver {
            key: key.clone(),
            waiver,
            reason,
        };
        self.change_release("RevokeWaiver", context, &key, command).await
    }

    async fn change_release(
        &self,
        name: &'static str,
        context: &CommandContext,
        key: &ReleaseKey,
        command: ReleaseCommand,
    ) -> Result<Accepted, CommandError> {
        let command = &command;
        let decide = || async move {
            let loaded = self.load_expected::<Release>(&key.to_string(), context).await?;
            self.of_this_service(key, &loaded.state).await?;
            decide_one(&loaded, command.clone(), path(key))
        };
        self.carry_out(name, context, Some(&key.service.project), decide)
            .await
    }
}

/// A machine wrote nothing: taken for the author, it would let everybody who did approve.
fn nobody_wrote_it() -> CommandError {
    let rule = "who wrote what is in the release, by the names that they sign in with: a machine registers it for \
                others (`GITLAB_USER_LOGIN` in GitLab CI)";
    DomainError::invalid("author", rule).into()
}

fn path(key: &ReleaseKey) -> String {
    let (project, service) = (&key.service.project, &key.service.service);
    format!("/projects/{project}/services/{service}/releases/{}", key.version)
}
