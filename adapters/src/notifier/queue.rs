//! Deliveries that are due, and what came of them.

use std::time::Duration;

use opstella_journal::Position;
use sqlx::postgres::types::PgInterval;
use sqlx::{FromRow, PgPool};

use super::NotifierOptions;

/// A delivery that is due: the oldest of its subscription that is.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Due {
    /// The key of its subscription.
    pub subscription: String,
    transaction_id: i64,
    position: i64,
    /// The CloudEvent's type.
    pub event_type: String,
    /// Attempts before this one.
    pub attempts: i32,
    rejections: i32,
    failures: i32,
    /// How often its receiver was to be tried at once, before this attempt.
    resets: i64,
}

/// What an attempt failed for.
pub(super) struct Failure<'a> {
    pub status: Option<u16>,
    pub reason: &'a str,
}

impl Due {
    /// The event's place.
    pub fn position(&self) -> Position {
        Position {
            transaction_id: self.transaction_id.cast_unsigned(),
            position: self.position,
        }
    }

    /// Failures before this one that the pause after it counts.
    pub fn failures(&self) -> u32 {
        self.failures.max(self.attempts).unsigned_abs()
    }
}

/// What is due, of subscriptions that are not among these: of each a ping, else its oldest event; those that were served
/// longest ago first.
pub(super) async fn due(pool: &PgPool, except: &[String], most: usize) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as(
        "SELECT d.subscription, d.transaction_id, d.position, d.event_type, d.attempts, d.rejections, s.failures, s.resets
         FROM notification_subscriptions s JOIN LATERAL (
             (SELECT 0 AS turn, * FROM notification_deliveries
              WHERE subscription = s.subscription AND state = 'waiting' AND next_attempt_at <= clock_timestamp()
                  AND event_type = 'opstella.Subscription.SubscriptionPinged'
              ORDER BY transaction_id, position LIMIT 1)
             UNION ALL
             (SELECT 1, * FROM notification_deliveries
              WHERE subscription = s.subscription AND state = 'waiting' AND next_attempt_at <= clock_timestamp()
              ORDER BY transaction_id, position LIMIT 1)
             ORDER BY turn LIMIT 1) d ON true
         WHERE s.enabled AND s.not_before <= clock_timestamp() AND s.subscription <> ALL ($1)
         ORDER BY s.not_before LIMIT $2",
    )
    .bind(except)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
}

/// Nothing of a subscription is sent for a while.
pub(super) async fn pause(pool: &PgPool, subscription: &str, time: Duration) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE notification_subscriptions SET not_before = clock_timestamp() + $2 WHERE subscription = $1",
    )
    .bind(subscription)
    .bind(interval(time))
    .execute(pool)
    .await?;
    Ok(())
}

/// It was delivered; the receiver is well, and others have their turn. The subscription's row comes first here, as in all
/// that writes both tables: nobody waits for each other.
pub(super) async fn delivered(pool: &PgPool, due: &Due, status: u16) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH well AS (UPDATE notification_subscriptions SET failures = 0, not_before = clock_timestamp()
                       WHERE subscription = $1 RETURNING subscription)
         UPDATE notification_deliveries d
         SET state = 'delivered', attempts = attempts + 1, last_status = $4, last_error = NULL,
             last_attempt_at = clock_timestamp(), ended_at = clock_timestamp()
         FROM well
         WHERE d.subscription = well.subscription AND transaction_id = $2 AND position = $3 AND state = 'waiting'",
    )
    .bind(&due.subscription)
    .bind(due.transaction_id)
    .bind(due.position)
    .bind(i32::from(status))
    .execute(pool)
    .await?;
    Ok(())
}

/// The receiver is away: all of its subscription waits. What is too old, or was tried too often, is given up.
/// How many are given up; none where the receiver is to be tried at once since: then this says nothing.
pub(super) async fn away(
    pool: &PgPool,
    options: &NotifierOptions,
    due: &Due,
    failure: &Failure<'_>,
    wait: Duration,
) -> Result<Option<u64>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    // By the transaction's time, as the delivery's own pause: were that one a moment longer, the next event came first.
    let noted = sqlx::query(
        "UPDATE notification_subscriptions SET failures = failures + 1, not_before = now() + $2
         WHERE subscription = $1 AND resets = $3",
    )
    .bind(&due.subscription)
    .bind(interval(wait))
    .bind(due.resets)
    .execute(&mut *tx)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(None);
    }
    failed(&mut tx, due, failure, wait, 0).await?;
    let dead = sqlx::query(
        "UPDATE notification_deliveries
         SET state = 'dead', ended_at = clock_timestamp(), last_error = coalesce(last_error, $6),
             last_status = coalesce(last_status, $7)
         WHERE subscription = $1 AND state = 'waiting' AND (queued_at < clock_timestamp() - $5
             OR (transaction_id = $2 AND position = $3 AND attempts >= $4))",
    )
    .bind(&due.subscription)
    .bind(due.transaction_id)
    .bind(due.position)
    .bind(options.max_attempts.cast_signed())
    .bind(interval(options.max_age))
    .bind(failure.reason)
    .bind(failure.status.map(i32::from))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(dead.rows_affected()))
}

/// The receiver is there and says no: others of the subscription go on. Whether it is given up; none where the receiver is
/// to be tried at once since.
pub(super) async fn rejected(
    pool: &PgPool,
    options: &NotifierOptions,
    due: &Due,
    failure: &Failure<'_>,
    wait: Duration,
) -> Result<Option<bool>, sqlx::Error> {
    let last = due.rejections.unsigned_abs() + 1 >= options.max_rejections
        || due.attempts.unsigned_abs() + 1 >= options.max_attempts;
    let mut tx = pool.begin().await?;
    let noted = sqlx::query(
        "UPDATE notification_subscriptions SET failures = 0, not_before = clock_timestamp()
         WHERE subscription = $1 AND resets = $2",
    )
    .bind(&due.subscription)
    .bind(due.resets)
    .execute(&mut *tx)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(None);
    }
    failed(&mut tx, due, failure, wait, 1).await?;
    if last {
        give_up(&mut tx, due).await?;
    }
    tx.commit().await?;
    Ok(Some(last))
}

/// It is given up at once.
pub(super) async fn dead(pool: &PgPool, due: &Due, failure: &Failure<'_>) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    failed(&mut tx, due, failure, Duration::ZERO, 1).await?;
    give_up(&mut tx, due).await?;
    tx.commit().await
}

async fn failed(
    tx: &mut sqlx::PgConnection,
    due: &Due,
    failure: &Failure<'_>,
    wait: Duration,
    rejections: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE notification_deliveries
         SET attempts = attempts + 1, rejections = rejections + $7, last_status = $4, last_error = $5,
             last_attempt_at = clock_timestamp(), next_attempt_at = now() + $6
         WHERE subscription = $1 AND transaction_id = $2 AND position = $3 AND state = 'waiting'",
    )
    .bind(&due.subscription)
    .bind(due.transaction_id)
    .bind(due.position)
    .bind(failure.status.map(i32::from))
    .bind(failure.reason)
    .bind(interval(wait))
    .bind(rejections)
    .execute(tx)
    .await?;
    Ok(())
}

async fn give_up(tx: &mut sqlx::PgConnection, due: &Due) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE notification_deliveries SET state = 'dead', ended_at = clock_timestamp()
         WHERE subscription = $1 AND transaction_id = $2 AND position = $3 AND state = 'waiting'",
    )
    .bind(&due.subscription)
    .bind(due.transaction_id)
    .bind(due.position)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) fn interval(time: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(time.as_micros()).unwrap_or(i64::MAX),
    }
}
