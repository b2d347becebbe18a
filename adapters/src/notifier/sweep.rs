//! Removes what is long over, and says how much waits.

use std::time::Duration;

use sqlx::PgPool;

use super::Parts;
use super::queue::interval;
use crate::background::pause;

/// Rows removed in one statement.
const AT_ONCE: i64 = 5000;

/// Sweeps until it is time to stop.
pub(super) async fn run(parts: &Parts) {
    let pool = parts.commands.journal().pool();
    loop {
        let swept = async {
            gauge(pool).await?;
            remove(pool, parts.options.keep).await
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "old deliveries were not removed; trying again later");
        }
        if !pause(&parts.stop, parts.options.sweep_interval).await {
            break;
        }
    }
    // What another process tells from now on.
    show(0, 0, 0.0);
}

async fn gauge(pool: &PgPool) -> Result<(), sqlx::Error> {
    let (waiting, dead, lag): (i64, i64, f64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM notification_deliveries WHERE state = 'waiting'),
                (SELECT count(*) FROM notification_deliveries WHERE state = 'dead'),
                coalesce((SELECT extract(epoch FROM clock_timestamp() - min(d.queued_at))
                          FROM notification_deliveries d JOIN notification_subscriptions s USING (subscription)
                          WHERE d.state = 'waiting' AND s.enabled), 0)::float8",
    )
    .fetch_one(pool)
    .await?;
    show(waiting, dead, lag);
    Ok(())
}

fn show(waiting: i64, dead: i64, lag: f64) {
    metrics::gauge!("opstella_notifications_waiting").set(waiting as f64);
    metrics::gauge!("opstella_notifications_dead").set(dead as f64);
    metrics::gauge!("opstella_notifications_lag_seconds").set(lag.max(0.0));
}

async fn remove(pool: &PgPool, keep: Duration) -> Result<(), sqlx::Error> {
    loop {
        let removed = sqlx::query(
            "DELETE FROM notification_deliveries WHERE ctid IN (
                 SELECT ctid FROM notification_deliveries
                 WHERE state <> 'waiting' AND ended_at < clock_timestamp() - $1 LIMIT $2)",
        )
        .bind(interval(keep))
        .bind(AT_ONCE)
        .execute(pool)
        .await?;
        if removed.rows_affected() < AT_ONCE.unsigned_abs() {
            return Ok(());
        }
    }
}
