//! What follows when gates were looked at, people answered, a run ended, or Argo CD was looked at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    EnvironmentEvent, EnvironmentKey, Health, Members, Promotion, PromotionId, PromotionKind, PromotionState,
    RunEnd, ServiceEnvironment,
};
use crate::policy::{Approval, Evaluation, approval_gate};
use crate::{ComponentName, DomainError, Environment, RunId, Subject};

/// Longest comment on an approval, in characters.
const LONGEST_COMMENT: usize = 500;

impl ServiceEnvironment {
    /// The end of the promotion in flight, where it waited until what it was asked for may not be asked for any more.
    pub(super) fn overtaken(
        &self,
        id: PromotionId,
        came_from: Option<(Environment, bool)>,
        at: DateTime<Utc>,
    ) -> Option<EnvironmentEvent> {
        let promotion = self
            .in_flight
            .as_ref()
            .filter(|p| p.id == id && p.run.is_none())?;
        let release = &promotion.release;
        let cause = match (promotion.kind, came_from) {
            // Another one went further back: this is a way forward by now.
            (PromotionKind::Rollback, _) if self.earlier_release(release).is_none() => format!(
                "the environment went back further than to release {release} meanwhile; promote the release"
            ),
            // The service got an environment that this would skip.
            (PromotionKind::Promote, Some((before, false))) => format!(
                "{before} comes before this environment by now, and release {release} was not deployed there; promote \
                 it to {before} first"
            ),
            _ => return None,
        };
        Some(EnvironmentEvent::PromotionFailed {
            promotion: id,
            cause,
            left_behind: false,
            at,
        })
    }

    /// Tells what changed, voids approvals whose basis did, and starts the deployment where nothing is in its way.
    pub(super) fn evaluated(
        &self,
        id: PromotionId,
        evaluation: Evaluation,
        members: &Members,
        run: RunId,
        at: DateTime<Utc>,
    ) -> Vec<EnvironmentEvent> {
        let Some(promotion) = self.in_flight.as_ref().filter(|p| p.id == id && p.run.is_none()) else {
            return vec![];
        };
        let mut events = Vec::new();
        let void = !promotion.approvals.is_empty()
            && promotion
                .basis
                .as_ref()
                .is_some_and(|basis| basis != &evaluation.basis);
        if void {
            events.push(EnvironmentEvent::ApprovalsVoided {
                promotion: id,
                reason: "the policy, the release's images, or a verdict on them has changed".to_owned(),
            });
        }
        let counted = counted(promotion, &evaluation, members, void);
        let mut gates = evaluation.gates.clone();
        gates.extend(approval_gate(
            &evaluation.approvals,
            &counted,
            evaluation.independent_approvers,
        ));
        let open = gates.iter().all(|gate| gate.verdict.open());
        if gates != promotion.gates
            || promotion.basis.as_ref() != Some(&evaluation.basis)
            || promotion.policy != evaluation.policy
            || promotion.independent_approvers != evaluation.independent_approvers
        {
            events.push(EnvironmentEvent::GatesEvaluated {
                promotion: id,
                policy: evaluation.policy,
                gates,
                basis: evaluation.basis,
                independent_approvers: evaluation.independent_approvers,
                at,
            });
        }
        if open {
            events.push(EnvironmentEvent::DeploymentStarted {
                promotion: id,
                run,
                at: Some(at),
            });
        }
        events
    }

    pub(super) fn approve(
        &self,
        key: &EnvironmentKey,
        id: PromotionId,
        approval: Approval,
    ) -> Result<Vec<EnvironmentEvent>, DomainError> {
        let promotion = self.open(key, id, "Approve")?;
        if self.state_of(id) == Some(PromotionState::Queued) {
            return Err(DomainError::WrongState {
                kind: "promotion",
                id: id.to_string(),
                state: "queued".to_owned(),
                command: "Approve",
                accepts: vec!["Reject", "CancelPromotion"],
            });
        }
        // An approval rests on what the gates said; before they were looked at, nobody could tell what it is void for.
        if promotion.basis.is_none() {
            return Err(DomainError::WrongState {
                kind: "promotion",
                id: id.to_string(),
                state: "not evaluated yet".to_owned(),
                command: "Approve",
                accepts: vec!["Reject", "CancelPromotion"],
            });
        }
        if approval.by == promotion.requester {
            let rule = "somebody else than who asked for the promotion";
            return Err(DomainError::invalid("approver", rule));
        }
        if promotion.independent_approvers && !approval.is_comparable_to(&promotion.authors) {
            let rule = "somebody whose token has `preferred_username`: without it nobody can tell whether they wrote \
                        what is in the release, whose authors are known by name";
            return Err(DomainError::invalid("approver", rule));
        }
        if promotion.independent_approvers && approval.is_of(&promotion.authors) {
            let rule =
                "somebody who did not write what is in the release, as the policy of the environment asks";
            return Err(DomainError::invalid("approver", rule));
        }
        if approval.roles.is_empty() {
            let rule = "somebody with the role tester, approver, owner or security";
            return Err(DomainError::invalid("approver", rule));
        }
        let long = |comment: &String| comment.chars().count() > LONGEST_COMMENT;
        if approval.comment.as_ref().is_some_and(long) {
            return Err(DomainError::invalid(
                "comment",
                format!("at most {LONGEST_COMMENT} characters"),
            ));
        }
        if promotion
            .approvals
            .iter()
            .any(|a| a.by == approval.by && a.roles == approval.roles && a.by_token == approval.by_token)
        {
            return Ok(vec![]);
        }
        Ok(vec![EnvironmentEvent::PromotionApproved {
            promotion: id,
            approval,
        }])
    }

    /// What the end of a run means; none where it is not the run in flight.
    pub(super) fn ended(&self, run: RunId, end: RunEnd, at: DateTime<Utc>) -> Option<EnvironmentEvent> {
        let promotion = self.in_flight.as_ref().filter(|p| p.run == Some(run))?.id;
        Some(match end {
            RunEnd::Succeeded => EnvironmentEvent::PromotionCompleted { promotion, at },
            RunEnd::Undone {
                cause,
                changed: true,
                left_behind: false,
            } => EnvironmentEvent::DeploymentRolledBack {
                promotion,
                cause,
                to: self.current.as_ref().map(|d| d.release.clone()),
                at,
            },
            RunEnd::Undone {
                cause, left_behind, ..
            } => EnvironmentEvent::PromotionFailed {
                promotion,
                cause,
                left_behind,
                at,
            },
        })
    }

    /// The service is gone. What did not end by itself ends now.
    pub(super) fn removed(&self, by: &Subject, at: DateTime<Utc>) -> Vec<EnvironmentEvent> {
        let why = "the service was decommissioned".to_owned();
        let end = |promotion: &Promotion| match promotion.run {
            Some(_) => EnvironmentEvent::PromotionFailed {
                promotion: promotion.id,
                cause: why.clone(),
                left_behind: false,
                at,
            },
            None => EnvironmentEvent::PromotionCancelled {
                promotion: promotion.id,
                by: by.clone(),
                reason: why.clone(),
            },
        };
        let open = self.in_flight.iter().chain(&self.queue);
        let mut events: Vec<_> = open.map(end).collect();
        let had_none = self.current.is_none() && self.history.is_empty() && self.unsettled.is_empty();
        if !events.is_empty() || !had_none {
            events.push(EnvironmentEvent::EnvironmentRemoved { at });
        }
        events
    }

    /// Tells of drift and health, where they changed. While a run deploys, what it finds is its own.
    pub(super) fn observed(
        &self,
        found: &BTreeMap<ComponentName, (String, bool)>,
        health: Option<Health>,
        at: DateTime<Utc>,
    ) -> Vec<EnvironmentEvent> {
        let Some(current) = self.current.as_ref().filter(|current| current.since <= at) else {
            return vec![];
        };
        if self.in_flight.as_ref().is_some_and(|p| p.run.is_some()) {
            return vec![];
        }
        let ours = |name: &ComponentName| current.images.contains_key(name);
        let known = self.drift.iter().flat_map(|drift| &drift.found);
        let unseen = known.filter(|(name, _)| ours(name) && !found.contains_key(*name));
        let wrong = found.iter().filter(|(name, (_, right))| !right && ours(name));
        let found: BTreeMap<_, _> = wrong
            .map(|(name, (image, _))| (name, image))
            .chain(unseen)
            .map(|(name, image)| (name.clone(), image.clone()))
            .collect();
        let mut events = Vec::new();
        match &self.drift {
            None if found.is_empty() => {}
            Some(_) if found.is_empty() => events.push(EnvironmentEvent::DriftCleared { at }),
            Some(drift) if drift.found == found => {}
            _ => {
                let expected = current
                    .images
                    .iter()
                    .filter(|(name, _)| found.contains_key(*name));
                events.push(EnvironmentEvent::DriftDetected {
                    expected: expected
                        .map(|(name, digest)| (name.clone(), digest.clone()))
                        .collect(),
                    found,
                    at,
                });
            }
        }
        if let Some(health) = health.filter(|health| *health != current.health) {
            events.push(EnvironmentEvent::HealthChanged { health, at });
        }
        events
    }
}

/// The approvals that count: none after they were voided, of each what its giver still holds the role for, and where
/// approvers have to be independent, none that may be an author's. Of those, one given before that was asked for is all
/// that there can be.
fn counted(promotion: &Promotion, evaluation: &Evaluation, members: &Members, void: bool) -> Vec<Approval> {
    if void {
        return vec![];
    }
    let authors = &promotion.authors;
    let independent = |approval: &&Approval| {
        let others = approval.is_comparable_to(authors) && !approval.is_of(authors);
        !evaluation.independent_approvers || others
    };
    let nothing = BTreeSet::new();
    let standing = |approval: &Approval| approval.standing(members.get(&approval.by).unwrap_or(&nothing));
    promotion
        .approvals
        .iter()
        .filter(independent)
        .filter_map(standing)
        .collect()
}
