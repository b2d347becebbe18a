//! What gates look at. It serialises: custom gates get the same as JSON.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HeldFreeze;
use crate::evidence::Evidence;
use crate::release::{Digest, ReleaseVersion, Waiver};
use crate::{ComponentName, Environment, ServiceKey};

/// Which versions of which policies were looked at; 0 for the rules that come along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyVersions {
    /// Of the platform's policy.
    pub platform: u32,
    /// Of the project's.
    pub project: u32,
}

/// An image of the release, with the newest evidence of each kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageEvidence {
    /// Which image.
    pub digest: Digest,
    /// What there is on it.
    pub evidence: Vec<Evidence>,
}

/// An image that an environment runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningImage {
    /// Which.
    pub digest: Digest,
    /// Since when, whichever releases had it since then.
    pub since: DateTime<Utc>,
}

/// What an environment runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// The release that came last.
    pub release: ReleaseVersion,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whether all that runs is healthy there, and what should run.
    pub healthy: bool,
    /// When it last became so, after it was not; absent where it has been ever since it came, as far as is known.
    pub well_since: Option<DateTime<Utc>>,
    /// The image of each component, also of those that the release has none of.
    pub images: BTreeMap<ComponentName, RunningImage>,
}

/// The environment before, in the service's choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predecessor {
    /// Which.
    pub environment: Environment,
    /// What it runs.
    pub running: Option<Running>,
}

/// Everything that gates look at, but approvals: those are looked at by the environment itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateInput {
    /// Of which service.
    pub service: ServiceKey,
    /// The environments that the service has.
    pub environments: BTreeSet<Environment>,
    /// Into which environment.
    pub environment: Environment,
    /// Which release.
    pub release: ReleaseVersion,
    /// Its images.
    pub images: BTreeMap<ComponentName, ImageEvidence>,
    /// Its waivers.
    pub waivers: Vec<Waiver>,
    /// The environment before; none for the first.
    pub predecessor: Option<Predecessor>,
    /// The change that the promotion names.
    pub change_reference: Option<String>,
    /// Freezes that two platform admins have overridden for the promotion.
    pub overridden_freezes: Vec<HeldFreeze>,
    /// Versions of the policies.
    pub policy: PolicyVersions,
    /// Now.
    pub at: DateTime<Utc>,
}
