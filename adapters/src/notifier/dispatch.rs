//! Sends what is due: one event at a time of each subscription, many subscriptions at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use opstella_commands::{CommandContext, CommandError};
use opstella_domain::subscription::{Settings, Subscription, SubscriptionCommand, SubscriptionKey};
use opstella_journal::{JournalError, Position, RecordedEvent};
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;
use tracing::Instrument;

use super::queue::{self, Due, Failure};
use super::sender::{Message, Outcome};
use super::{ACTOR, Parts, cloud_event};
use crate::background::pause;

/// How often a subscription that changes all the time is tried to be switched off; its receiver says it again.
const MOST_TRIES: usize = 4;
/// How long a subscription rests that was switched off, until the feed has noted it.
const REST: Duration = Duration::from_secs(1);

/// Sends until it is time to stop; what is being sent then may still end, within a bound.
pub(super) async fn run(parts: &Parts) {
    let mut tasks = JoinSet::new();
    let mut busy: HashMap<Id, String> = HashMap::new();
    while !parts.stop.is_cancelled() {
        let free = parts.options.concurrency.saturating_sub(busy.len());
        let except: Vec<String> = busy.values().cloned().collect();
        match queue::due(parts.commands.journal().pool(), &except, free).await {
            Ok(due) => {
                for due in due {
                    let subscription = due.subscription.clone();
                    let task = tasks.spawn(deliver(parts.clone(), due));
                    busy.insert(task.id(), subscription);
                }
            }
            Err(error) => tracing::warn!(%error, "what is to be delivered cannot be read; trying again"),
        }
        tokio::select! {
            Some(ended) = tasks.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "a delivery was not carried out; trying again");
                        error.id()
                    }
                };
                busy.remove(&id);
            }
            () = parts.queued.notified() => {}
            () = tokio::time::sleep(parts.options.poll_interval) => {}
            () = parts.stop.cancelled() => {}
        }
    }
    let rest = async { while tasks.join_next().await.is_some() {} };
    if timeout(parts.options.drain, rest).await.is_err() {
        tracing::info!("what is being delivered is cut off, and delivered again by the next notifier");
    }
}

async fn deliver(parts: Parts, due: Due) {
    let span = tracing::info_span!(
        "notification",
        subscription = due.subscription,
        event = %due.position(),
        event_type = due.event_type,
        attempt = due.attempts + 1,
        outcome = tracing::field::Empty
    );
    let work = async {
        if let Err(error) = try_deliver(&parts, &due).await {
            tracing::warn!(%error, "a delivery could not be made or noted; trying again");
            pause(&parts.stop, REST).await;
        }
    };
    work.instrument(span).await;
}

async fn try_deliver(parts: &Parts, due: &Due) -> Result<(), JournalError> {
    let journal = parts.commands.journal();
    let pool = journal.pool();
    let loaded = journal.load::<Subscription>(&due.subscription).await?;
    let subscription = loaded.state.as_ref();
    let (Ok(key), Some(settings), true) = (
        due.subscription.parse::<SubscriptionKey>(),
        &subscription.settings,
        subscription.is_active(),
    ) else {
        // The feed is about to note it.
        return Ok(queue::pause(pool, &due.subscription, REST).await?);
    };
    let body = match read(parts, due.position()).await? {
        Some(event) => cloud_event::body(&event, &parts.source).map_err(|error| error.to_string()),
        None => Err("the event is not in the journal".to_owned()),
    };
    let body = match body {
        Ok(body) => body,
        Err(reason) => {
            let failure = Failure {
                status: None,
                reason: &reason,
            };
            count("dead", 1);
            return Ok(queue::dead(pool, due, &failure).await?);
        }
    };
    let message = Message {
        key: &key,
        subscription,
        url: &settings.url,
        id: due.position().to_string(),
        body,
    };
    let started = Instant::now();
    let outcome = parts.sender.send(&parts.key, message).await;
    metrics::histogram!("opstella_notification_seconds").record(started.elapsed().as_secs_f64());
    let sent = Sent {
        key: &key,
        settings,
        version: loaded.version,
    };
    note(parts, due, &sent, outcome).await
}

/// By which state of its subscription an event was sent.
struct Sent<'a> {
    key: &'a SubscriptionKey,
    settings: &'a Settings,
    version: u64,
}

/// Notes what came of an attempt: nothing where it was for an address that is no longer asked.
async fn note(parts: &Parts, due: &Due, sent: &Sent<'_>, outcome: Outcome) -> Result<(), JournalError> {
    let (pool, options) = (parts.commands.journal().pool(), &parts.options);
    let span = tracing::Span::current();
    let dead = match outcome {
        Outcome::Delivered(status) => {
            span.record("outcome", "delivered");
            queue::delivered(pool, due, status).await?;
            count("delivered", 1);
            return Ok(());
        }
        Outcome::Gone => {
            span.record("outcome", "gone");
            let reason = "the receiver answered 410 Gone: it wants no more";
            if !disable(parts, sent, reason).await? {
                tracing::info!("the receiver is gone, but is no longer the subscription's");
                return Ok(());
            }
            let status = Some(410);
            queue::dead(pool, due, &Failure { status, reason }).await?;
            queue::pause(pool, &due.subscription, REST).await?;
            tracing::warn!("{reason}; the subscription is disabled");
            1
        }
        Outcome::Away {
            status,
            reason,
            retry_after,
        } => {
            span.record("outcome", "away");
            let wait = options.pause(due.failures(), retry_after);
            let failure = Failure {
                status,
                reason: &reason,
            };
            let Some(dead) = queue::away(pool, options, due, &failure, wait).await? else {
                overtaken(&reason);
                return Ok(());
            };
            tracing::info!(reason, dead, again_in = ?wait, "not delivered");
            dead
        }
        Outcome::Rejected { status, reason } => {
            span.record("outcome", "rejected");
            let wait = options.pause(due.attempts.unsigned_abs(), None);
            let failure = Failure {
                status,
                reason: &reason,
            };
            let Some(dead) = queue::rejected(pool, options, due, &failure, wait).await? else {
                overtaken(&reason);
                return Ok(());
            };
            tracing::info!(reason, dead, again_in = ?wait, "not delivered");
            u64::from(dead)
        }
    };
    count("failed", 1);
    count("dead", dead);
    Ok(())
}

/// While it was tried, somebody sent it elsewhere, or had it tried at once.
fn overtaken(reason: &str) {
    tracing::info!(
        reason,
        "not delivered, and tried again as somebody asked meanwhile"
    );
}

/// Switches a subscription off whose receiver wants no more, unless it sends elsewhere by now: whether that is so no more.
async fn disable(parts: &Parts, sent: &Sent<'_>, reason: &str) -> Result<bool, JournalError> {
    let mut version = sent.version;
    for _ in 0..MOST_TRIES {
        let context = CommandContext {
            expected_version: Some(version),
            ..CommandContext::system(ACTOR, sent.key.to_string())
        };
        let command = SubscriptionCommand::Disable {
            key: sent.key.clone(),
            reason: reason.to_owned(),
        };
        match parts.commands.subscribe(&context, command).await {
            Ok(_) => return Ok(true),
            Err(CommandError::Journal(error)) => return Err(error),
            Err(CommandError::VersionMismatch { .. }) => {}
            Err(error) => {
                // It was deleted in between, say.
                tracing::warn!(%error, "the subscription is not disabled");
                return Ok(true);
            }
        }
        // A secret that was rotated or a ping change nothing about who said it.
        let journal = parts.commands.journal();
        let now = journal.load_fresh::<Subscription>(&sent.key.to_string()).await?;
        if now
            .state
            .settings
            .as_ref()
            .is_none_or(|s| s.url != sent.settings.url)
        {
            return Ok(false);
        }
        version = now.version;
    }
    Ok(false)
}

/// The event at a place.
async fn read(parts: &Parts, place: Position) -> Result<Option<RecordedEvent>, JournalError> {
    let before = Position {
        position: place.position.saturating_sub(1),
        ..place
    };
    let batch = parts.commands.journal().subscribe(before).try_next(1).await?;
    Ok(batch.events.into_iter().find(|event| event.position == place))
}

fn count(outcome: &'static str, how_many: u64) {
    metrics::counter!("opstella_notifications_total", "outcome" => outcome).increment(how_many);
}
