//! Breaking the glass: what holds back now is overridden by two people, and nothing else.

use chrono::{DateTime, Utc};

use super::{EnvironmentEvent, EnvironmentKey, PromotionId, ServiceEnvironment};
use crate::policy::HeldFreeze;
use crate::{DomainError, Subject};

impl ServiceEnvironment {
    /// Asks for an override of the freezes that hold. Where others hold than those that one was asked for before, that
    /// one is over, and the new one has to be confirmed.
    pub(super) fn override_freeze(
        &self,
        key: &EnvironmentKey,
        id: PromotionId,
        by: Subject,
        reason: String,
        freezes: Vec<HeldFreeze>,
    ) -> Result<Vec<EnvironmentEvent>, DomainError> {
        let promotion = self.open(key, id, "OverrideFreeze")?;
        crate::reason::check("reason", &reason)?;
        if freezes.is_empty() {
            return Err(DomainError::WrongState {
                kind: "promotion",
                id: id.to_string(),
                state: "not held back by a freeze now; one that comes later is overridden when it holds"
                    .to_owned(),
                command: "OverrideFreeze",
                accepts: vec!["Approve", "Reject", "CancelPromotion"],
            });
        }
        let asked = promotion
            .freeze_override
            .as_ref()
            .is_some_and(|before| freezes.iter().all(|freeze| before.freezes.contains(freeze)));
        if asked {
            return Ok(vec![]);
        }
        Ok(vec![EnvironmentEvent::FreezeOverrideRequested {
            promotion: id,
            by,
            reason,
            freezes,
        }])
    }

    /// The second person says yes to an override, while one of its freezes holds.
    pub(super) fn confirm_override(
        &self,
        key: &EnvironmentKey,
        id: PromotionId,
        by: Subject,
        at: DateTime<Utc>,
    ) -> Result<Vec<EnvironmentEvent>, DomainError> {
        let promotion = self.open(key, id, "ConfirmFreezeOverride")?;
        let holds = |freeze: &HeldFreeze| at < freeze.until;
        let wanted = promotion.freeze_override.as_ref();
        let Some(wanted) = wanted.filter(|wanted| wanted.freezes.iter().any(holds)) else {
            return Err(DomainError::WrongState {
                kind: "promotion",
                id: id.to_string(),
                state: "not to override a freeze".to_owned(),
                command: "ConfirmFreezeOverride",
                accepts: vec!["OverrideFreeze"],
            });
        };
        if wanted.by == by {
            return Err(DomainError::invalid(
                "confirmer",
                "somebody else than who asked for the override",
            ));
        }
        match wanted.confirmed_by {
            Some(_) => Ok(vec![]),
            None => Ok(vec![EnvironmentEvent::FreezeOverridden { promotion: id, by }]),
        }
    }
}
