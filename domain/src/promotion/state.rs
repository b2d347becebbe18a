//! What an environment holds: what runs, and promotions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ChangeReference, Health, PromotionId, PromotionKind};
use crate::policy::{Approval, GateResult, GateVerdict, HeldFreeze, PolicyVersions};
use crate::release::{Digest, ReleaseVersion};
use crate::{ComponentName, RunId, Subject};

/// What a promotion brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// By which promotion.
    pub promotion: PromotionId,
    /// Which release.
    pub release: ReleaseVersion,
    /// The images that run: the release's, and of components that it has none of, those that ran before.
    pub images: BTreeMap<ComponentName, Digest>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How it is.
    pub health: Health,
    /// How many releases had come here before this one came for the first time: going back lowers it.
    pub place: u64,
}

/// What runs although no promotion brought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// What runs, in Argo CD's words, of the components that differ.
    pub found: BTreeMap<ComponentName, String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Freezes that are to be broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeOverride {
    /// Who wants it.
    pub by: Subject,
    /// Which freezes; until they end.
    pub freezes: Vec<HeldFreeze>,
    /// Who confirmed it.
    pub confirmed_by: Option<Subject>,
}

/// A promotion that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// Its id.
    pub id: PromotionId,
    /// Forward or back.
    pub kind: PromotionKind,
    /// Which release.
    pub release: ReleaseVersion,
    /// Its images.
    pub images: BTreeMap<ComponentName, Digest>,
    /// Who asked.
    pub requester: Subject,
    /// Who wrote what is in the release.
    pub authors: BTreeSet<Subject>,
    /// The change that it belongs to.
    pub change_reference: Option<ChangeReference>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// By which versions of the policies the gates were looked at.
    pub policy: PolicyVersions,
    /// The gates, as they were last looked at; empty before.
    pub gates: Vec<GateResult>,
    /// What approvals rest on.
    pub basis: Option<Digest>,
    /// Who wrote what is in the release does not approve it: as the gates were last looked at.
    pub independent_approvers: bool,
    /// The approvals that count.
    pub approvals: Vec<Approval>,
    /// The broken glass.
    pub freeze_override: Option<FreezeOverride>,
    /// The run that carries the release here.
    pub run: Option<RunId>,
    /// Since when it does.
    #[serde(default)]
    pub deploying_since: Option<DateTime<Utc>>,
}

/// Where a promotion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum PromotionState {
    /// It waits for the one in flight.
    Queued,
    /// A gate is closed.
    Blocked,
    /// Every gate is open or opens by itself; people or time are waited for.
    Waiting,
    /// A run carries the release.
    Deploying,
}

impl Promotion {
    /// Where it stands, as the one in flight.
    pub fn state(&self) -> PromotionState {
        if self.run.is_some() {
            PromotionState::Deploying
        } else if self.gates.iter().any(|gate| gate.verdict == GateVerdict::Failed) {
            PromotionState::Blocked
        } else {
            PromotionState::Waiting
        }
    }

    /// The freezes that two people have overridden.
    pub fn overridden_freezes(&self) -> &[HeldFreeze] {
        match &self.freeze_override {
            Some(broken) if broken.confirmed_by.is_some() => &broken.freezes,
            _ => &[],
        }
    }
}
