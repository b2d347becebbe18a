//! One batch, from the statement to every unit's answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::time::Instant;

use super::link::{Failure, Link};
use super::settle::{Finding, examine};
use super::{Context, Unit};
use crate::cache::Warm;
use crate::snapshots::SnapshotJob;
use crate::{Appended, JournalError, Position};

/// How often units that nothing stands against are refused before the refusal is taken for the answer.
const ATTEMPTS: usize = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Stores the units, or answers each why not. A unit's fault is its own: the others are stored without it.
pub(super) async fn commit(link: &mut Link, context: &Context, units: Vec<Unit>) {
    // A stack of groups: one that is refused for a reason that cannot be looked up is taken apart.
    let mut groups = VecDeque::from([(units, 0)]);
    let mut pause = FIRST_PAUSE;
    while let Some((units, attempts)) = groups.pop_front() {
        let mut units = in_time(context, units);
        let Some(deadline) = units.iter().map(|unit| unit.deadline).max() else {
            continue;
        };
        let before = link.generation;
        let result = link.insert(&units, deadline).await;
        if before != link.generation && before != 0 {
            context.forget();
        }
        match result {
            Ok(rows) => succeed(context, units, &rows),
            Err(Failure::Refused(error)) if is(&error, "23505") && attempts < ATTEMPTS => {
                match examine(link, &units, deadline).await {
                    Ok(findings) => {
                        let free = sort_out(context, units, findings);
                        if !free.is_empty() {
                            groups.push_front((free, attempts + 1));
                        }
                    }
                    Err(_) => {
                        wait(&mut pause, deadline).await;
                        groups.push_front((units, attempts));
                    }
                }
            }
            Err(Failure::Refused(error)) if units.len() > 1 && !is(&error, "25006") => {
                groups.extend(units.into_iter().map(|unit| (vec![unit], 0)));
            }
            Err(Failure::Refused(error)) if is(&error, "25006") => {
                // Read-only: the server was demoted. Another connection may reach the new primary.
                link.drop_connection();
                wait(&mut pause, deadline).await;
                groups.push_front((units, attempts));
            }
            Err(Failure::Refused(error)) if is(&error, "55P03") => {
                // Somebody else's open transaction holds the next number of the stream. To wait for its end would
                // hold up everybody; only where the holder may be our own lost attempt there is no other way.
                let (doubtful, blocked): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.in_doubt);
                for unit in blocked {
                    evict(context, &unit);
                    unit.reject(JournalError::Timeout);
                }
                groups.push_back((doubtful, attempts));
            }
            Err(Failure::Refused(error)) => refuse(context, units, error),
            Err(Failure::Lost(error)) => {
                tracing::warn!(%error, units = units.len(), "the connection was lost during a commit; sending it again");
                context.forget();
                // Sending a unit again is safe: its rows can be inserted once only, and carry its id.
                units.iter_mut().for_each(|unit| unit.in_doubt = true);
                wait(&mut pause, deadline).await;
                groups.push_front((units, attempts));
            }
            Err(Failure::LostInTime) => {
                units.iter_mut().for_each(|unit| unit.in_doubt = true);
                groups.push_front((units, attempts));
            }
            Err(Failure::NotSent(error)) => {
                tracing::warn!(%error, "PostgreSQL cannot be reached; trying again");
                groups.push_front((units, attempts));
            }
            Err(Failure::NotSentInTime) => groups.push_front((units, attempts)),
        }
    }
}

/// Waits before what can be reached, but fails, is tried again; twice as long each time.
async fn wait(pause: &mut Duration, deadline: Instant) {
    tokio::time::sleep_until(deadline.min(Instant::now() + *pause)).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}

fn is(error: &sqlx::Error, code: &str) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|found| found == code)
}

/// The units that still have time; the others are answered.
fn in_time(context: &Context, units: Vec<Unit>) -> Vec<Unit> {
    let now = Instant::now();
    let (left, late): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.deadline > now);
    for unit in late {
        evict(context, &unit);
        let error = if unit.in_doubt {
            JournalError::OutcomeUnknown
        } else {
            JournalError::Timeout
        };
        unit.reject(error);
    }
    left
}

/// Answers what was found; gives back the units that nothing stands against.
fn sort_out(context: &Context, units: Vec<Unit>, findings: Vec<Finding>) -> Vec<Unit> {
    let mut free = Vec::new();
    for (unit, finding) in units.into_iter().zip(findings) {
        match finding {
            Finding::Free => free.push(unit),
            Finding::Stored(position) => stored(context, unit, position),
            Finding::Refused(error) => {
                evict(context, &unit);
                unit.reject(error);
            }
        }
    }
    free
}

fn refuse(context: &Context, units: Vec<Unit>, error: sqlx::Error) {
    let error = Arc::new(error);
    for unit in units {
        evict(context, &unit);
        let doubtful = unit.in_doubt;
        unit.reject(if doubtful {
            JournalError::OutcomeUnknown
        } else {
            JournalError::Database(Arc::clone(&error))
        });
    }
}

fn succeed(context: &Context, units: Vec<Unit>, rows: &[PgRow]) {
    let mut rows = rows.iter();
    for unit in units {
        let position = match unit.rows {
            0 => Some(Position::START),
            count => rows.by_ref().nth(count - 1).and_then(read_position),
        };
        match position {
            Some(position) => stored(context, unit, position),
            // PostgreSQL always returns one row per row inserted; should it not, the caller must not be told "stored".
            None => {
                evict(context, &unit);
                unit.reject(JournalError::OutcomeUnknown);
            }
        }
    }
    context.wake.committed();
}

fn read_position(row: &PgRow) -> Option<Position> {
    Some(Position {
        position: row.try_get(0).ok()?,
        transaction_id: row.try_get::<i64, _>(1).ok()?.unsigned_abs(),
    })
}

fn stored(context: &Context, mut unit: Unit, position: Position) {
    let versions = unit.versions();
    for stream in &mut unit.streams {
        let version = stream.version_after();
        let Some(after) = stream.after.take() else {
            context.cache.evict(&stream.key);
            continue;
        };
        if context
            .snapshot_every
            .is_some_and(|every| stream.expected / every != version / every)
        {
            context.snapshots.offer(SnapshotJob {
                key: stream.key.clone(),
                version,
                state: Arc::clone(&after.state),
                serialise: after.serialise,
            });
        }
        context.cache.put(
            stream.key.clone(),
            Warm {
                state: after.state,
                version,
                weight: after.weight,
            },
        );
    }
    // Nobody listens when the caller gave up.
    let _ = unit.answer.send(Ok(Appended { position, versions }));
}

fn evict(context: &Context, unit: &Unit) {
    unit.keys().for_each(|key| context.cache.evict(key));
}
