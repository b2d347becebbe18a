//! The row of a promotion.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::ComponentName;
use opstella_domain::policy::{Approval, ApproverRole, GateResult, GateVerdict, HeldFreeze, known_by_ids};
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, PromotionId, ServiceEnvironment};
use opstella_domain::release::Digest;
use opstella_journal::RecordedEvent;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::environment::word;
use crate::ApplyError;
use crate::decode::{halves, integer};
use crate::models::place;
use crate::models::rows::{slug, unslug};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PromotionRow {
    pub id: Uuid,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub kind: String,
    pub release: String,
    pub images: BTreeMap<ComponentName, Digest>,
    pub requester: String,
    pub authors: Vec<String>,
    pub authors_by_id: bool,
    pub change_reference: Option<String>,
    pub state: String,
    pub policy_platform: u32,
    pub policy_project: u32,
    pub gates: Vec<GateResult>,
    pub approvals: Vec<Approval>,
    pub approvals_voided: i32,
    pub wanted_roles: Vec<String>,
    pub independent_approvers: bool,
    pub freeze_override: Option<FreezeOverride>,
    pub run_id: Option<Uuid>,
    pub cause: Option<String>,
    pub left_behind: bool,
    pub back_to: Option<String>,
    pub ended_by: Option<String>,
    pub requested_at: DateTime<Utc>,
    pub evaluated_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub transaction_id: i64,
    pub position: i64,
    pub end_transaction_id: Option<i64>,
    pub end_position: Option<i64>,
}

/// A freeze that is to be broken, or is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FreezeOverride {
    pub by: String,
    pub reason: String,
    pub freezes: Vec<Frozen>,
    pub requested_at: DateTime<Utc>,
    pub confirmed_by: Option<String>,
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// A freeze of these.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Frozen {
    pub name: String,
    pub until: DateTime<Utc>,
}

/// The promotion that an event is about; none for what is about the environment.
pub(super) fn promotion_of(event: &EnvironmentEvent) -> Option<PromotionId> {
    match event {
        EnvironmentEvent::PromotionRequested { promotion, .. }
        | EnvironmentEvent::PromotionTakenUp { promotion }
        | EnvironmentEvent::GatesEvaluated { promotion, .. }
        | EnvironmentEvent::PromotionApproved { promotion, .. }
        | EnvironmentEvent::ApprovalsVoided { promotion, .. }
        | EnvironmentEvent::PromotionRejected { promotion, .. }
        | EnvironmentEvent::PromotionCancelled { promotion, .. }
        | EnvironmentEvent::FreezeOverrideRequested { promotion, .. }
        | EnvironmentEvent::FreezeOverridden { promotion, .. }
        | EnvironmentEvent::DeploymentStarted { promotion, .. }
        | EnvironmentEvent::PromotionCompleted { promotion, .. }
        | EnvironmentEvent::PromotionFailed { promotion, .. }
        | EnvironmentEvent::DeploymentRolledBack { promotion, .. } => Some(*promotion),
        EnvironmentEvent::DriftDetected { .. }
        | EnvironmentEvent::DriftCleared { .. }
        | EnvironmentEvent::HealthChanged { .. }
        | EnvironmentEvent::EnvironmentRemoved { .. } => None,
    }
}

impl PromotionRow {
    /// The row of a promotion that is asked for; none for other events.
    pub fn requested(recorded: &RecordedEvent, event: &EnvironmentEvent) -> Result<Option<Self>, ApplyError> {
        let EnvironmentEvent::PromotionRequested {
            key,
            promotion,
            kind,
            release,
            images,
            requester,
            authors,
            change_reference,
            at,
            ..
        } = event
        else {
            return Ok(None);
        };
        let EnvironmentKey { service, environment } = key;
        let (project, service) = place::halves(service);
        let (transaction_id, position) = halves(recorded);
        Ok(Some(Self {
            id: promotion.0,
            project,
            service,
            environment: environment.to_string(),
            kind: slug(kind)?,
            release: release.to_string(),
            images: images.clone(),
            requester: requester.to_string(),
            authors: authors.iter().map(ToString::to_string).collect(),
            authors_by_id: known_by_ids(authors),
            change_reference: change_reference.as_ref().map(|c| c.as_str().to_owned()),
            state: String::new(),
            policy_platform: 0,
            policy_project: 0,
            gates: Vec::new(),
            approvals: Vec::new(),
            approvals_voided: 0,
            wanted_roles: Vec::new(),
            independent_approvers: false,
            freeze_override: None,
            run_id: None,
            cause: None,
            left_behind: false,
            back_to: None,
            ended_by: None,
            requested_at: *at,
            evaluated_at: None,
            started_at: None,
            finished_at: None,
            updated_at: recorded.recorded_at,
            transaction_id,
            position,
            end_transaction_id: None,
            end_position: None,
        }))
    }

    /// Folds one event in; `after` is the environment with it.
    pub fn evolve(
        &mut self,
        recorded: &RecordedEvent,
        event: &EnvironmentEvent,
        after: &ServiceEnvironment,
    ) -> Result<(), ApplyError> {
        self.updated_at = recorded.recorded_at;
        match event {
            EnvironmentEvent::GatesEvaluated { at, .. } => self.evaluated_at = Some(*at),
            EnvironmentEvent::ApprovalsVoided { .. } => {
                self.approvals_voided += integer(self.approvals.len());
            }
            EnvironmentEvent::FreezeOverrideRequested {
                by, reason, freezes, ..
            } => {
                let frozen = |freeze: &HeldFreeze| Frozen {
                    name: freeze.window.name.clone(),
                    until: freeze.until,
                };
                self.freeze_override = Some(FreezeOverride {
                    by: by.to_string(),
                    reason: reason.clone(),
                    freezes: freezes.iter().map(frozen).collect(),
                    requested_at: recorded.recorded_at,
                    confirmed_by: None,
                    confirmed_at: None,
                });
            }
            EnvironmentEvent::FreezeOverridden { by, .. } => {
                if let Some(wanted) = &mut self.freeze_override {
                    wanted.confirmed_by = Some(by.to_string());
                    wanted.confirmed_at = Some(recorded.recorded_at);
                }
            }
            EnvironmentEvent::DeploymentStarted { .. } => self.started_at = Some(recorded.recorded_at),
            EnvironmentEvent::PromotionCompleted { at, .. } => self.end(recorded, "completed", *at),
            EnvironmentEvent::PromotionRejected { by, reason, .. } => {
                self.end(recorded, "rejected", recorded.recorded_at);
                self.ended_by = Some(by.to_string());
                self.cause = Some(reason.clone());
            }
            EnvironmentEvent::PromotionCancelled { by, reason, .. } => {
                self.end(recorded, "cancelled", recorded.recorded_at);
                self.ended_by = Some(by.to_string());
                self.cause = Some(reason.clone());
            }
            EnvironmentEvent::PromotionFailed {
                cause,
                left_behind,
                at,
                ..
            } => {
                self.end(recorded, "failed", *at);
                self.cause = Some(cause.clone());
                self.left_behind = *left_behind;
            }
            EnvironmentEvent::DeploymentRolledBack { cause, to, at, .. } => {
                self.end(recorded, "rolled-back", *at);
                self.cause = Some(cause.clone());
                self.back_to = to.as_ref().map(ToString::to_string);
            }
            _ => {}
        }
        let id = PromotionId(self.id);
        if let (Some(state), Some(open)) = (after.state_of(id), after.promotion(id)) {
            self.state = word(state);
            self.policy_platform = open.policy.platform;
            self.policy_project = open.policy.project;
            self.gates.clone_from(&open.gates);
            self.approvals.clone_from(&open.approvals);
            self.independent_approvers = open.independent_approvers;
            self.run_id = open.run.map(|run| run.0);
        }
        self.wanted_roles = match self.finished_at.is_none() && self.run_id.is_none() {
            true => wanted_roles(&self.gates)?,
            false => Vec::new(),
        };
        Ok(())
    }

    fn end(&mut self, recorded: &RecordedEvent, state: &str, at: DateTime<Utc>) {
        let (transaction_id, position) = halves(recorded);
        state.clone_into(&mut self.state);
        self.finished_at = Some(at);
        self.end_transaction_id = Some(transaction_id);
        self.end_position = Some(position);
    }
}

/// In which roles somebody may give an approval that is missing. An evaluation names them in the words of the gate
/// only; should it name none, each role is asked.
fn wanted_roles(gates: &[GateResult]) -> Result<Vec<String>, ApplyError> {
    let waits =
        |gate: &&GateResult| gate.gate.as_str() == "approvals" && gate.verdict == GateVerdict::Waiting;
    let Some(gate) = gates.iter().find(waits) else {
        return Ok(Vec::new());
    };
    let named: BTreeSet<ApproverRole> = gate
        .reason
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|name| unslug(name).ok())
        .collect();
    if named.is_empty() {
        let all = ["approver", "owner", "security", "tester"];
        return Ok(all.map(str::to_owned).to_vec());
    }
    named.iter().map(slug).collect()
}
