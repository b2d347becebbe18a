//! What people say to a promotion.

use chrono::Utc;
use opstella_domain::policy::Approval;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentKey, PromotionId};

use super::approvers::approver_roles;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// Which promotion.
#[derive(Debug, Clone)]
pub struct PromotionRef {
    /// Into which environment.
    pub key: EnvironmentKey,
    /// Its id.
    pub id: PromotionId,
}

impl Commands {
    /// `Approve`. Where it was the last thing that was missing, the deployment starts.
    ///
    /// # Errors
    /// [`CommandError`]; `Invalid` where the caller asked for the promotion.
    pub async fn approve(
        &self,
        context: &CommandContext,
        promotion: PromotionRef,
        comment: Option<String>,
    ) -> Result<Accepted, CommandError> {
        let project = &promotion.key.service.project;
        let held = self.roles_in(context, project).await?;
        let approval = Approval {
            by: context.caller()?,
            name: context.actor.name.clone(),
            roles: approver_roles(held),
            by_token: approver_roles(context.grants.in_project(project)),
            at: Utc::now(),
            comment,
        };
        let command = EnvironmentCommand::Approve {
            key: promotion.key.clone(),
            promotion: promotion.id,
            approval,
        };
        self.answer(context, &promotion, command).await
    }

    /// `Reject`: the promotion is over.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn reject(
        &self,
        context: &CommandContext,
        promotion: PromotionRef,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        let command = EnvironmentCommand::Reject {
            key: promotion.key.clone(),
            promotion: promotion.id,
            by: context.caller()?,
            reason,
        };
        self.answer(context, &promotion, command).await
    }

    /// `CancelPromotion`: takes back one that does not deploy yet.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn cancel_promotion(
        &self,
        context: &CommandContext,
        promotion: PromotionRef,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        let command = EnvironmentCommand::Cancel {
            key: promotion.key.clone(),
            promotion: promotion.id,
            by: context.caller()?,
            reason,
        };
        self.answer(context, &promotion, command).await
    }

    /// `OverrideFreeze`: breaks the glass of the freezes that hold now, once somebody else confirms it.
    ///
    /// # Errors
    /// [`CommandError`]; `WrongState` where no freeze holds.
    pub async fn override_freeze(
        &self,
        context: &CommandContext,
        promotion: PromotionRef,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        tracing::warn!(promotion = %promotion.id, environment = %promotion.key, actor = %context.actor.subject,
            "somebody wants to override a freeze");
        let (by, key, id) = (&context.caller()?, &promotion.key, promotion.id);
        let reason = &reason;
        self.move_promotion("OverrideFreeze", context, key, id, |environment| async move {
            let freezes = self.freezes_held(key, environment.state.promotion(id)).await?;
            Ok(EnvironmentCommand::OverrideFreeze {
                key: key.clone(),
                promotion: id,
                by: by.clone(),
                reason: reason.clone(),
                freezes,
            })
        })
        .await
    }

    /// `ConfirmFreezeOverride`: the second person.
    ///
    /// # Errors
    /// [`CommandError`]; `Invalid` where it is the first one.
    pub async fn confirm_freeze_override(
        &self,
        context: &CommandContext,
        promotion: PromotionRef,
    ) -> Result<Accepted, CommandError> {
        let command = EnvironmentCommand::ConfirmFreezeOverride {
            key: promotion.key.clone(),
            promotion: promotion.id,
            by: context.caller()?,
            at: Utc::now(),
        };
        let accepted = self.answer(context, &promotion, command).await?;
        tracing::warn!(promotion = %promotion.id, environment = %promotion.key, actor = %context.actor.subject,
            "a freeze is overridden");
        metrics::counter!("opstella_freezes_overridden_total").increment(1);
        Ok(accepted)
    }

    async fn answer(
        &self,
        context: &CommandContext,
        promotion: &PromotionRef,
        command: EnvironmentCommand,
    ) -> Result<Accepted, CommandError> {
        let (name, command) = (command.name(), &command);
        let answered = self
            .move_promotion(name, context, &promotion.key, promotion.id, |_| async move {
                Ok(command.clone())
            })
            .await;
        // Who may do it, but not here: auditors look for those who try to be two people.
        if matches!(&answered, Err(CommandError::Domain(error)) if error.is_of_duty()) {
            self.record_denial(context, name, &promotion.key.service.project);
        }
        answered
    }
}
