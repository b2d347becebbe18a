//! Subscriptions: who is told of which events, by webhook.

use std::sync::Arc;
use std::time::Duration;

use opstella_domain::project::Project;
use opstella_domain::subscription::{DeliveryId, Subscription, SubscriptionCommand, SubscriptionKey};
use opstella_domain::{Decide, DomainError};
use opstella_journal::JournalError;
use sqlx::{Postgres, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::catalog::decide_one;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// Most subscriptions of a project, and most of the platform.
const MOST: i64 = 50;

/// Longest wait for others who make one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Those that were made and not deleted: of a project, or of the platform, which have no `/`.
const HOW_MANY: &str = "SELECT count(*) FILTER (WHERE event_type = 'SubscriptionCreated')
        - count(*) FILTER (WHERE event_type = 'SubscriptionDeleted')
    FROM events WHERE aggregate_type = $1
        AND CASE WHEN $2 = '' THEN strpos(aggregate_id, '/') = 0 ELSE starts_with(aggregate_id, $2) END";

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
        let turn = Mutex::new(None);
        let decide = || async {
            let loaded = self
                .load_expected::<Subscription>(&key.to_string(), context)
                .await?;
            match command {
                SubscriptionCommand::Create { .. } if loaded.state.settings.is_none() => {
                    self.has_room(key, &mut *turn.lock().await).await?;
                }
                SubscriptionCommand::Replay {
                    delivery: Some(delivery),
                    ..
                } if loaded.state.settings.is_some() => self.is_dead(key, delivery).await?,
                _ => {}
            }
            decide_one(&loaded, command.clone(), resource(key))
        };
        let done = self
            .carry_out(command.name(), context, key.project.as_ref(), decide)
            .await;
        // Not before the append: who counts next counts this one.
        if let Some(turn) = turn.into_inner() {
            turn.end().await;
        }
        done
    }

    /// A subscription as the table has it now.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn subscription(&self, key: &SubscriptionKey) -> Result<Subscription, CommandError> {
        let loaded = self.journal.load_fresh::<Subscription>(&key.to_string()).await?;
        Ok((*loaded.state).clone())
    }

    async fn has_room(&self, key: &SubscriptionKey, turn: &mut Option<Turn>) -> Result<(), CommandError> {
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
        let turn = match turn {
            Some(turn) => turn,
            None => turn.insert(self.turn(&prefix).await?),
        };
        let count: i64 = sqlx::query_scalar(HOW_MANY)
            .bind(<Subscription as Decide>::TYPE)
            .bind(prefix)
            .fetch_one(&mut *turn.lock)
            .await
            .map_err(JournalError::from)?;
        if count >= MOST {
            let rule =
                format!("there are {count} subscriptions already, the most there may be: delete one first");
            return Err(DomainError::invalid("name", rule).into());
        }
        Ok(())
    }

    /// Waits for the turn to make one of those whose ids begin so. One of a process waits at the database, so that those
    /// who wait do not take all connections.
    async fn turn(&self, prefix: &str) -> Result<Turn, CommandError> {
        let wait = async {
            let here = Arc::clone(&self.subscribing).lock_owned().await;
            let mut lock = self.journal.pool().begin().await?;
            sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('opstella subscriptions ' || $1, 0))")
                .bind(prefix)
                .execute(&mut *lock)
                .await?;
            Ok(Turn { lock, _here: here })
        };
        match timeout(PATIENCE, wait).await {
            Ok(turn) => Ok(turn.map_err(|error: sqlx::Error| JournalError::from(error))?),
            Err(_) => Err(CommandError::Unavailable {
                what: "others make subscriptions at the same time, and take long".to_owned(),
                remedy: "try again in a few seconds",
            }),
        }
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

/// The turn of who makes a subscription: between the count and the append nobody else makes one. It ends with the
/// transaction, which writes nothing; so a dead process never keeps it.
struct Turn {
    lock: Transaction<'static, Postgres>,
    _here: OwnedMutexGuard<()>,
}

impl Turn {
    async fn end(self) {
        if let Err(error) = self.lock.rollback().await {
            tracing::debug!(%error, "the turn of who makes a subscription ends with its connection");
        }
    }
}

fn resource(key: &SubscriptionKey) -> String {
    match &key.project {
        Some(project) => format!("/subscriptions/{}?project={project}", key.name),
        None => format!("/subscriptions/{}", key.name),
    }
}
