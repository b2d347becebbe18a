//! Subscriptions: who is told of which events, by webhook.

use opstella_domain::DomainError;
use opstella_domain::project::Project;
use opstella_domain::subscription::{DeliveryId, Subscription, SubscriptionCommand, SubscriptionKey};
use opstella_journal::JournalError;

use crate::catalog::decide_one;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// Most subscriptions of a project, and most of the platform.
const MOST: i64 = 50;

/// Those that the notifier knows; one that was made a moment ago may be missing.
const HOW_MANY: &str = "SELECT count(*) FROM notification_subscriptions
    WHERE CASE WHEN $1 = '' THEN strpos(subscription, '/') = 0 ELSE starts_with(subscription, $1) END";

const IS_DEAD: &str = "SELECT EXISTS (SELECT FROM notification_deliveries
    WHERE subscription = $1 AND transaction_id = $2 AND position = $3 AND state = 'dead')";

impl Commands {
    /// Carries a command of a subscription out.
    ///
    /// # Errors
    /// [`CommandError`]; `AlreadyExists` where the name is taken, `NotFound` where there is no such subscription,
    /// project or dead letter.
    pub async fn subscribe(
        &self,
        context: &CommandContext,
        command: SubscriptionCommand,
    ) -> Result<Accepted, CommandError> {
        let command = &command;
        let key = command.key();
        let decide = || async move {
            let loaded = self
                .load_expected::<Subscription>(&key.to_string(), context)
                .await?;
            match command {
                SubscriptionCommand::Create { .. } if loaded.state.settings.is_none() => {
                    self.has_room(key).await?;
                }
                SubscriptionCommand::Replay {
                    delivery: Some(delivery),
                    ..
                } if loaded.state.settings.is_some() => self.is_dead(key, delivery).await?,
                _ => {}
            }
            decide_one(&loaded, command.clone(), resource(key))
        };
        self.carry_out(command.name(), context, key.project.as_ref(), decide)
            .await
    }

    /// A subscription as the table has it now.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn subscription(&self, key: &SubscriptionKey) -> Result<Subscription, CommandError> {
        let loaded = self.journal.load_fresh::<Subscription>(&key.to_string()).await?;
        Ok((*loaded.state).clone())
    }

    async fn has_room(&self, key: &SubscriptionKey) -> Result<(), CommandError> {
        let mut prefix = String::new();
        if let Some(project) = &key.project {
            if self
                .load::<Project>(project.as_str())
                .await?
                .state
                .owner
                .is_none()
            {
                let id = project.to_string();
                return Err(DomainError::NotFound { kind: "project", id }.into());
            }
            prefix = format!("{project}/");
        }
        let count: i64 = sqlx::query_scalar(HOW_MANY)
            .bind(prefix)
            .fetch_one(self.journal.pool())
            .await
            .map_err(JournalError::from)?;
        if count >= MOST {
            let rule =
                format!("there are {count} subscriptions already, the most there may be: delete one first");
            return Err(DomainError::invalid("name", rule).into());
        }
        Ok(())
    }

    async fn is_dead(&self, key: &SubscriptionKey, delivery: &DeliveryId) -> Result<(), CommandError> {
        let (transaction_id, position) = delivery.halves();
        let there: bool = sqlx::query_scalar(IS_DEAD)
            .bind(key.to_string())
            .bind(transaction_id)
            .bind(position)
            .fetch_one(self.journal.pool())
            .await
            .map_err(JournalError::from)?;
        if there {
            return Ok(());
        }
        let (kind, id) = ("dead letter", delivery.to_string());
        Err(DomainError::NotFound { kind, id }.into())
    }
}

fn resource(key: &SubscriptionKey) -> String {
    match &key.project {
        Some(project) => format!("/subscriptions/{}?project={project}", key.name),
        None => format!("/subscriptions/{}", key.name),
    }
}
