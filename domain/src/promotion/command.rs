//! What can be asked of an environment of a service.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChangeReference, EnvironmentKey, Health, PromotionId, PromotionKind};
use crate::policy::{Approval, ApproverRole, Evaluation, HeldFreeze};
use crate::release::{Digest, ReleaseVersion};
use crate::{ComponentName, Environment, RunId, Subject};

/// What to do where another promotion is in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhenBusy {
    /// Refuse.
    #[default]
    Refuse,
    /// Wait in the queue.
    Queue,
}

/// Roles that people hold in a project as its members.
pub type Members = BTreeMap<Subject, BTreeSet<ApproverRole>>;

/// How the run of a promotion ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Every step is done.
    Succeeded,
    /// It is undone.
    Undone {
        /// Why.
        cause: String,
        /// Whether a commit had been made: then the environment was changed, and changed back.
        changed: bool,
        /// Whether an operator gave up on undoing some of it.
        left_behind: bool,
    },
}

/// What can be asked of an environment of a service.
#[derive(Debug, Clone)]
pub enum EnvironmentCommand {
    /// `PromoteTo…` or `Rollback`.
    Request {
        /// Where (for messages).
        key: EnvironmentKey,
        /// Its id.
        promotion: PromotionId,
        /// Forward or back.
        kind: PromotionKind,
        /// Which release.
        release: ReleaseVersion,
        /// Its images. A rollback brings back all that ran with the release here, whatever is said.
        images: BTreeMap<ComponentName, Digest>,
        /// Who asks.
        requester: Subject,
        /// Who wrote what is in the release.
        authors: BTreeSet<Subject>,
        /// The change that it belongs to.
        change_reference: Option<ChangeReference>,
        /// What to do where another promotion is in flight.
        when_busy: WhenBusy,
        /// The environment before, in the service's choice, and whether the release was deployed there; none for the
        /// first.
        came_from: Option<(Environment, bool)>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// The gates were looked at. Where all are open and the approvals are there, the deployment starts.
    Evaluate {
        /// For which promotion.
        promotion: PromotionId,
        /// What they say.
        evaluation: Box<Evaluation>,
        /// In which roles those who approved it are members of the project now.
        members: Members,
        /// The environment before, in the service's choice now, and whether the release was deployed there; none for the
        /// first.
        came_from: Option<(Environment, bool)>,
        /// The run that carries the release here, should it start now.
        run: RunId,
        /// Now.
        at: DateTime<Utc>,
    },
    /// `Approve`.
    Approve {
        /// Where (for messages).
        key: EnvironmentKey,
        /// Which.
        promotion: PromotionId,
        /// Who, in which roles.
        approval: Approval,
    },
    /// `Reject`.
    Reject {
        /// Where (for messages).
        key: EnvironmentKey,
        /// Which.
        promotion: PromotionId,
        /// Who.
        by: Subject,
        /// Why.
        reason: String,
    },
    /// `CancelPromotion`: takes one back that does not deploy yet.
    Cancel {
        /// Where (for messages).
        key: EnvironmentKey,
        /// Which.
        promotion: PromotionId,
        /// Who.
        by: Subject,
        /// Why.
        reason: String,
    },
    /// `OverrideFreeze`.
    OverrideFreeze {
        /// Where (for messages).
        key: EnvironmentKey,
        /// For which.
        promotion: PromotionId,
        /// Who.
        by: Subject,
        /// Why.
        reason: String,
        /// The freezes that hold now: those are overridden, until they end, and no others.
        freezes: Vec<HeldFreeze>,
    },
    /// `ConfirmFreezeOverride`: by somebody else.
    ConfirmFreezeOverride {
        /// Where (for messages).
        key: EnvironmentKey,
        /// For which.
        promotion: PromotionId,
        /// Who.
        by: Subject,
        /// Now.
        at: DateTime<Utc>,
    },
    /// The run in flight ended.
    EndRun {
        /// Which.
        run: RunId,
        /// How.
        end: RunEnd,
        /// Now.
        at: DateTime<Utc>,
    },
    /// What Argo CD runs was looked at.
    Observe {
        /// The image of each component that was looked at, in Argo CD's words, and whether it is the one that should
        /// run. Of the others nothing is said.
        found: BTreeMap<ComponentName, (String, bool)>,
        /// How all of them are; none where that cannot be told: of one nothing was seen, or it rolls out.
        health: Option<Health>,
        /// When they were looked at. What was seen before the last promotion completed says nothing of what it brought.
        at: DateTime<Utc>,
    },
    /// The service is gone: nothing is here any more.
    Remove {
        /// Who takes back what waits.
        by: Subject,
        /// Now.
        at: DateTime<Utc>,
    },
}

impl EnvironmentCommand {
    /// The command's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Request {
                kind: PromotionKind::Rollback,
                ..
            } => "Rollback",
            Self::Request { key, .. } => promote_to(key.environment),
            Self::Evaluate { .. } => "EvaluateGates",
            Self::Approve { .. } => "Approve",
            Self::Reject { .. } => "Reject",
            Self::Cancel { .. } => "CancelPromotion",
            Self::OverrideFreeze { .. } => "OverrideFreeze",
            Self::ConfirmFreezeOverride { .. } => "ConfirmFreezeOverride",
            Self::EndRun { .. } => "EndRun",
            Self::Observe { .. } => "ObserveEnvironment",
            Self::Remove { .. } => "RemoveEnvironment",
        }
    }
}

/// The name of the command that promotes into an environment.
pub fn promote_to(environment: Environment) -> &'static str {
    match environment {
        Environment::Dev => "PromoteToDev",
        Environment::Sit => "PromoteToSit",
        Environment::Uat => "PromoteToUat",
        Environment::Pre => "PromoteToPre",
        Environment::Prd => "PromoteToPrd",
    }
}
