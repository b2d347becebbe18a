//! The artifact aggregate: an image of a component, and the evidence on it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Evidence, MAX_SERIES, Origin, ReportKind};
use crate::decide::aggregate;
use crate::release::Digest;
use crate::{ComponentName, Decide, DomainError, Environment, InvalidValue, ServiceKey};

/// The natural key of an image: `payments/checkout/api@sha256:…`. Evidence of one project says nothing to another, so
/// the component is part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactKey {
    /// Whose.
    pub service: ServiceKey,
    /// Which component's.
    pub component: ComponentName,
    /// Which image.
    pub digest: Digest,
}

impl fmt::Display for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.service, self.component, self.digest)
    }
}

impl FromStr for ArtifactKey {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new("artifact", value, "written as project/service/component@digest");
        let (place, digest) = value.split_once('@').ok_or_else(wrong)?;
        let (service, component) = place.rsplit_once('/').ok_or_else(wrong)?;
        Ok(Self {
            service: service.parse()?,
            component: component.parse()?,
            digest: digest.parse()?,
        })
    }
}

/// What can be asked of an artifact.
#[derive(Debug, Clone)]
pub enum ArtifactCommand {
    /// `AddEvidence`. The same report again changes nothing, nor does one that is older than the one that counts: what
    /// arrives late, or is sent again, must not hide what was found since. Nor does one that was sent, where the tool
    /// itself has told us.
    AddEvidence {
        /// Of which image.
        key: ArtifactKey,
        /// What.
        evidence: Box<Evidence>,
    },
}

/// What happened to an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum ArtifactEvent {
    /// A report on it was taken.
    EvidenceAdded {
        /// On which image.
        key: ArtifactKey,
        /// What it says.
        evidence: Box<Evidence>,
    },
}

/// Most dynamic scans of an environment that are remembered of an image: so many releases in a row may share it.
pub const MAX_SCANS: usize = 10;

/// The aggregate; its stream's id is the key. The newest evidence of each kind counts, and of each series of a kind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Artifact {
    /// The newest evidence of each kind: of dynamic scans, of each environment with the same images; of static analysis
    /// and tests, of each series.
    pub evidence: Vec<Evidence>,
}

impl Artifact {
    /// The newest evidence of a kind.
    pub fn newest(&self, kind: ReportKind) -> Option<&Evidence> {
        self.evidence.iter().rev().find(|e| e.kind == kind)
    }

    /// Whether the tool itself has told us of a kind.
    pub fn has_fetched(&self, kind: ReportKind) -> bool {
        self.newest(kind).is_some_and(|e| e.origin == Origin::Fetched)
    }

    /// The newest dynamic scan of an environment.
    pub fn dynamic_scan(&self, environment: Environment) -> Option<&Evidence> {
        let of = |e: &&Evidence| e.kind == ReportKind::DynamicScan && e.environment == Some(environment);
        self.evidence.iter().rev().find(of)
    }
}

impl Decide for Artifact {
    const TYPE: &'static str = "Artifact";
    type Command = ArtifactCommand;
    type Event = ArtifactEvent;

    fn decide(&self, command: ArtifactCommand) -> Result<Vec<ArtifactEvent>, DomainError> {
        let ArtifactCommand::AddEvidence { key, evidence } = command;
        evidence.check()?;
        let counts = self.evidence.iter().find(|e| evidence.replaces(e));
        if counts.is_some_and(|e| !evidence.outranks(e)) {
            return Ok(vec![]);
        }
        let beside = self.evidence.iter().filter(|e| e.kind == evidence.kind);
        if counts.is_none() && evidence.has_series() && beside.count() >= MAX_SERIES {
            let rule = format!(
                "one of the {MAX_SERIES} tools and suites of the image that there is {} of already",
                evidence.kind
            );
            return Err(DomainError::invalid("suite", rule));
        }
        Ok(vec![ArtifactEvent::EvidenceAdded { key, evidence }])
    }

    fn evolve(&mut self, event: ArtifactEvent) {
        let ArtifactEvent::EvidenceAdded { evidence, .. } = event;
        self.evidence.retain(|e| !evidence.replaces(e));
        let scan = evidence.kind == ReportKind::DynamicScan;
        let alike = |e: &Evidence| scan && e.kind == evidence.kind && e.environment == evidence.environment;
        if self.evidence.iter().filter(|e| alike(e)).count() >= MAX_SCANS
            && let Some(oldest) = self.evidence.iter().position(alike)
        {
            self.evidence.remove(oldest);
        }
        self.evidence.push(*evidence);
    }
}

aggregate!(Artifact, ArtifactEvent);
