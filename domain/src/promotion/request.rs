//! Asking for a promotion: forward, or back.

use super::aggregate::MAX_QUEUE;
use super::{EnvironmentCommand, EnvironmentEvent, Promotion, PromotionKind, ServiceEnvironment, WhenBusy};
use crate::DomainError;

impl ServiceEnvironment {
    /// `PromoteTo…` and `Rollback`.
    pub(super) fn request(&self, command: EnvironmentCommand) -> Result<Vec<EnvironmentEvent>, DomainError> {
        let name = command.name();
        let EnvironmentCommand::Request {
            key,
            promotion,
            kind,
            release,
            mut images,
            requester,
            authors,
            change_reference,
            when_busy,
            came_from,
            at,
        } = command
        else {
            return Ok(vec![]);
        };
        let refused = |state: String, accepts: Vec<&'static str>| DomainError::WrongState {
            kind: "environment",
            id: key.to_string(),
            state,
            command: name,
            accepts,
        };
        // One of a release at a time, forward or back: the second would find that what it is to bring runs already.
        let same = |p: &&Promotion| p.release == release || p.id == promotion;
        if let Some(same) = self.in_flight.iter().chain(&self.queue).find(same) {
            return Err(DomainError::AlreadyExists {
                kind: "promotion",
                id: format!("{key}/{}", same.id),
            });
        }
        match kind {
            PromotionKind::Promote => {
                if let Some((before, false)) = came_from {
                    let state =
                        format!("not reached by release {release}, which was not deployed to {before} yet");
                    return Err(refused(state, vec![super::promote_to(before)]));
                }
                let runs = self.current.as_ref().filter(|d| d.release == release);
                if runs.is_some() && self.drift.is_none() {
                    return Err(refused(format!("running release {release} already"), vec![]));
                }
            }
            PromotionKind::Rollback => {
                let Some(ran) = self.earlier_release(&release) else {
                    let rule = "a release that came to this environment before the one that it runs now; promote one \
                                that came later";
                    return Err(DomainError::invalid("release", rule));
                };
                // Not the release's own images alone: what a later release brought beside them goes back as well.
                images = ran.images.clone();
            }
        }
        let queued = self.in_flight.is_some();
        if queued && when_busy == WhenBusy::Refuse {
            let other = self
                .in_flight
                .as_ref()
                .map(|p| p.id.to_string())
                .unwrap_or_default();
            let state = format!("busy with promotion {other}; ask with `when_busy: queue` to wait for it");
            return Err(refused(state, vec!["Approve", "Reject", "CancelPromotion"]));
        }
        if self.queue.len() >= MAX_QUEUE {
            return Err(refused(
                format!("busy, and {MAX_QUEUE} promotions wait"),
                vec!["CancelPromotion"],
            ));
        }
        Ok(vec![EnvironmentEvent::PromotionRequested {
            key,
            promotion,
            kind,
            release,
            images,
            requester,
            authors,
            change_reference,
            queued,
            at,
        }])
    }
}
