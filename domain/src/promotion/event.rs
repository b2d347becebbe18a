//! What happens to an environment of a service.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChangeReference, EnvironmentKey, PromotionId};
use crate::policy::{Approval, GateResult, HeldFreeze, PolicyVersions};
use crate::release::{Digest, ReleaseVersion};
use crate::{ComponentName, RunId, Subject};

/// Forward, or back to a release that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromotionKind {
    /// A release that comes from the environment before.
    Promote,
    /// A release that this environment ran before.
    Rollback,
}

/// How what runs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Argo CD says `Healthy`.
    Healthy,
    /// It says something else.
    Degraded,
}

/// What happened to an environment of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum EnvironmentEvent {
    /// Somebody asked for a release to come here.
    PromotionRequested {
        /// Where.
        key: EnvironmentKey,
        /// Its id.
        promotion: PromotionId,
        /// Forward or back.
        kind: PromotionKind,
        /// Which release.
        release: ReleaseVersion,
        /// Its images.
        images: BTreeMap<ComponentName, Digest>,
        /// Who asked.
        requester: Subject,
        /// Who wrote what is in the release.
        authors: BTreeSet<Subject>,
        /// The change that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change_reference: Option<ChangeReference>,
        /// Whether another one is in flight, and this one waits for it.
        queued: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// Its turn has come.
    PromotionTakenUp {
        /// Which.
        promotion: PromotionId,
    },
    /// The gates were looked at, and said something else than before.
    GatesEvaluated {
        /// Of which promotion.
        promotion: PromotionId,
        /// By which versions of the policies.
        policy: PolicyVersions,
        /// Every gate, with its verdict, reason and evidence.
        gates: Vec<GateResult>,
        /// What approvals rest on.
        basis: Digest,
        /// Who wrote what is in the release does not approve it.
        independent_approvers: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody said yes.
    PromotionApproved {
        /// To which promotion.
        promotion: PromotionId,
        /// Who, in which roles.
        approval: Approval,
    },
    /// What the approvals rested on has changed: they count no more.
    ApprovalsVoided {
        /// Of which promotion.
        promotion: PromotionId,
        /// Why.
        reason: String,
    },
    /// Somebody said no: the promotion is over.
    PromotionRejected {
        /// Which.
        promotion: PromotionId,
        /// Who.
        by: Subject,
        /// Why.
        reason: String,
    },
    /// Somebody took it back: the promotion is over.
    PromotionCancelled {
        /// Which.
        promotion: PromotionId,
        /// Who.
        by: Subject,
        /// Why.
        reason: String,
    },
    /// A platform admin wants to break the glass; a second one has to confirm it.
    FreezeOverrideRequested {
        /// For which promotion.
        promotion: PromotionId,
        /// Who.
        by: Subject,
        /// Why.
        reason: String,
        /// The freezes that held then.
        freezes: Vec<HeldFreeze>,
    },
    /// The glass is broken: the freezes that held when that was asked for do not hold for this promotion.
    FreezeOverridden {
        /// For which promotion.
        promotion: PromotionId,
        /// Who confirmed it.
        by: Subject,
    },
    /// All gates are open: a run carries the release here.
    DeploymentStarted {
        /// By which promotion.
        promotion: PromotionId,
        /// Which run.
        run: RunId,
        /// When.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<DateTime<Utc>>,
    },
    /// The release runs here, healthy.
    PromotionCompleted {
        /// By which promotion.
        promotion: PromotionId,
        /// When.
        at: DateTime<Utc>,
    },
    /// The release is not here; nothing was changed, unless `left_behind`.
    PromotionFailed {
        /// Which promotion.
        promotion: PromotionId,
        /// Why.
        cause: String,
        /// Whether an operator gave up on undoing some of it.
        left_behind: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// The release came here, failed, and the one before is back.
    DeploymentRolledBack {
        /// Which promotion.
        promotion: PromotionId,
        /// Why.
        cause: String,
        /// What runs again; nothing, if nothing ran before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<ReleaseVersion>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Something runs here that no promotion brought.
    DriftDetected {
        /// What should run, of the components that differ.
        expected: BTreeMap<ComponentName, Digest>,
        /// What runs, in Argo CD's words.
        found: BTreeMap<ComponentName, String>,
        /// When.
        at: DateTime<Utc>,
    },
    /// What should run, runs again.
    DriftCleared {
        /// When.
        at: DateTime<Utc>,
    },
    /// What runs here fell ill, or recovered.
    HealthChanged {
        /// How it is now.
        health: Health,
        /// When.
        at: DateTime<Utc>,
    },
    /// The service is gone, and all that was here with it: one made anew under its name starts with nothing.
    EnvironmentRemoved {
        /// When.
        at: DateTime<Utc>,
    },
}
