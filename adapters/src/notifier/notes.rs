//! The notifier's notes: which subscriptions there are, how far each has been told, and what is queued.

use std::collections::BTreeMap;

use opstella_domain::Decide;
use opstella_domain::subscription::Subscription;
use opstella_journal::{Journal, JournalError, Position};
use sqlx::{PgConnection, PgPool};

use super::known::{AllKnown, Change, Known, Queued};
use crate::checkpoint;

/// How far the journal was followed.
pub(super) async fn lead(pool: &PgPool) -> Result<Position, sqlx::Error> {
    checkpoint::read(
        pool,
        "SELECT transaction_id, position FROM notification_checkpoint",
    )
    .await
}

/// Notes how far the journal was followed.
pub(super) async fn note_lead(tx: &mut PgConnection, to: Position) -> Result<(), sqlx::Error> {
    checkpoint::note(
        tx,
        "INSERT INTO notification_checkpoint (transaction_id, position) VALUES ($1, $2)
         ON CONFLICT (singleton) DO UPDATE SET transaction_id = $1, position = $2",
        to,
    )
    .await
}

/// How many events a subscription had up to there.
async fn version_at(pool: &PgPool, id: &str, at: Position) -> Result<u64, sqlx::Error> {
    let version: i64 = sqlx::query_scalar(
        "SELECT coalesce(max(sequence), 0) FROM events WHERE aggregate_type = $1 AND aggregate_id = $2
         AND (transaction_id, position) <= ($3::text::xid8, $4)",
    )
    .bind(<Subscription as Decide>::TYPE)
    .bind(id)
    .bind(at.transaction_id.to_string())
    .bind(at.position)
    .fetch_one(pool)
    .await?;
    Ok(version.unsigned_abs())
}

/// A subscription as it was there, and after how many of its events.
pub(super) async fn state_at(
    journal: &Journal,
    id: &str,
    at: Position,
) -> Result<(Subscription, u64), JournalError> {
    let version = version_at(journal.pool(), id, at).await?;
    let loaded = journal.load_up_to_version::<Subscription>(id, version).await?;
    Ok(((*loaded.state).clone(), loaded.version))
}

/// Every subscription that was noted, as it was at `lead`, and where it stands behind, as it was there.
pub(super) async fn all(journal: &Journal, lead: Position) -> Result<AllKnown, JournalError> {
    let rows: Vec<(String, Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT subscription, transaction_id, position FROM notification_subscriptions")
            .fetch_all(journal.pool())
            .await?;
    let mut all = BTreeMap::new();
    for (id, transaction_id, position) in rows {
        let behind = transaction_id
            .zip(position)
            .map(|(transaction_id, position)| Position {
                transaction_id: transaction_id.cast_unsigned(),
                position,
            });
        if let Some(known) = Known::load(journal, &id, lead, behind).await? {
            all.insert(id, known);
        }
    }
    Ok(all)
}

/// Notes that a subscription stands behind the others, or no longer.
pub(super) async fn note_behind(
    tx: &mut PgConnection,
    id: &str,
    behind: Option<Position>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE notification_subscriptions SET transaction_id = $2, position = $3 WHERE subscription = $1",
    )
    .bind(id)
    .bind(behind.map(|at| at.transaction_id.cast_signed()))
    .bind(behind.map(|at| at.position))
    .execute(tx)
    .await?;
    Ok(())
}

/// Carries out what an event of a subscription means.
pub(super) async fn change(tx: &mut PgConnection, id: &str, change: &Change) -> Result<(), sqlx::Error> {
    let sql = match change {
        Change::Moved => return try_at_once(tx, id, true).await,
        Change::Pinged => return try_at_once(tx, id, false).await,
        Change::Replayed(delivery) => {
            try_at_once(tx, id, false).await?;
            return replay(tx, id, delivery.as_ref().map(|delivery| delivery.halves())).await;
        }
        Change::Enabled => {
            try_at_once(tx, id, true).await?;
            "UPDATE notification_subscriptions SET enabled = true, transaction_id = NULL, position = NULL
             WHERE subscription = $1"
        }
        Change::Created => {
            "INSERT INTO notification_subscriptions (subscription) VALUES ($1) ON CONFLICT DO NOTHING"
        }
        Change::Disabled => "UPDATE notification_subscriptions SET enabled = false WHERE subscription = $1",
        Change::Deleted => "DELETE FROM notification_subscriptions WHERE subscription = $1",
    };
    sqlx::query(sql).bind(id).execute(tx).await?;
    Ok(())
}

/// Its receiver is tried at once, the oldest event first. What it said no to is tried again only where it may be another.
async fn try_at_once(tx: &mut PgConnection, id: &str, other: bool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH subscription AS (UPDATE notification_subscriptions
             SET failures = 0, resets = resets + 1, not_before = clock_timestamp()
             WHERE subscription = $1 RETURNING subscription)
         UPDATE notification_deliveries d SET next_attempt_at = clock_timestamp() FROM subscription s
         WHERE d.subscription = s.subscription AND d.state = 'waiting' AND d.next_attempt_at > clock_timestamp()
             AND ($2 OR d.rejections = 0)",
    )
    .bind(id)
    .bind(other)
    .execute(tx)
    .await?;
    Ok(())
}

/// What was given up waits again.
async fn replay(tx: &mut PgConnection, id: &str, only: Option<(i64, i64)>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE notification_deliveries
         SET state = 'waiting', attempts = 0, rejections = 0, queued_at = clock_timestamp(),
             next_attempt_at = clock_timestamp(), ended_at = NULL
         WHERE subscription = $1 AND state = 'dead' AND ($2::bigint IS NULL OR (transaction_id, position) = ($2, $3))",
    )
    .bind(id)
    .bind(only.map(|(transaction_id, _)| transaction_id))
    .bind(only.map(|(_, position)| position))
    .execute(tx)
    .await?;
    Ok(())
}

/// Queues events. Those that are queued already stay as they are.
pub(super) async fn queue(tx: &mut PgConnection, queued: &[Queued]) -> Result<(), sqlx::Error> {
    if queued.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&Queued) -> &String| queued.iter().map(|q| of(q).clone()).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO notification_deliveries (subscription, transaction_id, position, event_type, subject)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING",
    )
    .bind(texts(|q| &q.subscription))
    .bind(
        queued
            .iter()
            .map(|q| q.position.transaction_id.cast_signed())
            .collect::<Vec<_>>(),
    )
    .bind(queued.iter().map(|q| q.position.position).collect::<Vec<_>>())
    .bind(texts(|q| &q.event_type))
    .bind(texts(|q| &q.subject))
    .execute(tx)
    .await?;
    Ok(())
}

/// How many deliveries wait, of each of these subscriptions that has any.
pub(super) async fn waiting(pool: &PgPool, ids: &[String]) -> Result<BTreeMap<String, u64>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT subscription, count(*) FROM notification_deliveries
         WHERE state = 'waiting' AND subscription = ANY ($1) GROUP BY subscription",
    )
    .bind(ids)
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, count)| (id, count.unsigned_abs()))
        .collect())
}
