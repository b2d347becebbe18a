//! After a batch was refused: finds out whose fault it was, by looking at what is stored.

use std::collections::{HashMap, HashSet};

use sqlx::Row;
use tokio::time::Instant;

use super::link::{Failure, Link};
use super::{Unit, sql};
use crate::{Claim, JournalError, Position};

/// What is stored says this about a unit.
pub(super) enum Finding {
    /// Nothing stands against it.
    Free,
    /// It is stored: an earlier attempt, whose answer was lost, had succeeded.
    Stored(Position),
    /// It cannot be stored any more.
    Refused(JournalError),
}

struct Present {
    unit: Option<String>,
    position: Position,
}

/// One finding for each unit, in their order.
pub(super) async fn examine(
    link: &mut Link,
    units: &[Unit],
    deadline: Instant,
) -> Result<Vec<Finding>, Failure> {
    // Rows first and claims after: whoever's rows are seen has its claim seen too, and that decides.
    let rows = link.fetch(sql::present(units), deadline).await?;
    let mut present: HashMap<usize, Present> = HashMap::new();
    for row in &rows {
        let read = || -> Result<(i64, Present), sqlx::Error> {
            let position = Position {
                transaction_id: row.try_get::<i64, _>(2)?.unsigned_abs(),
                position: row.try_get(3)?,
            };
            Ok((
                row.try_get(0)?,
                Present {
                    unit: row.try_get(1)?,
                    position,
                },
            ))
        };
        let (number, found) = read().map_err(Failure::Refused)?;
        present.insert(number.unsigned_abs() as usize, found);
    }
    let claims = claims(link, units, deadline).await?;
    let mut findings = Vec::with_capacity(units.len());
    let (mut row, mut claim) = (0, 0);
    for unit in units {
        let rows = row + 1..=row + unit.rows;
        row += unit.rows;
        if unit.claim.is_some() {
            claim += 1;
        }
        let claimed = unit.claim.as_ref().and_then(|_| claims.get(&claim));
        findings.push(judge(unit, rows, &present, claimed));
    }
    Ok(findings)
}

async fn claims(
    link: &mut Link,
    units: &[Unit],
    deadline: Instant,
) -> Result<HashMap<usize, Claim>, Failure> {
    if units.iter().all(|unit| unit.claim.is_none()) {
        return Ok(HashMap::new());
    }
    // An expired key may be claimed anew.
    link.fetch(sql::with_keys(sql::REMOVE_EXPIRED, units), deadline)
        .await?;
    let rows = link.fetch(sql::with_keys(sql::CLAIMED, units), deadline).await?;
    rows.iter()
        .map(sql::read_claim)
        .collect::<Result<_, _>>()
        .map_err(Failure::Refused)
}

fn judge(
    unit: &Unit,
    rows: std::ops::RangeInclusive<usize>,
    present: &HashMap<usize, Present>,
    claimed: Option<&Claim>,
) -> Finding {
    let ours = |found: &Present| found.unit.as_deref() == Some(unit.id.as_str());
    match rows.clone().next_back().and_then(|last| present.get(&last)) {
        Some(last) if ours(last) => return Finding::Stored(last.position),
        _ => {}
    }
    if let (Some((claim, _)), Some(claimed)) = (&unit.claim, claimed) {
        if claimed.unit == unit.id {
            return Finding::Stored(claimed.position);
        }
        // The key decides before the version: a repeated request is decided on the state that the first one left.
        return Finding::Refused(claimed.verdict(&claim.key, &claim.fingerprint));
    }
    let taken: HashSet<usize> = rows.clone().filter(|row| present.contains_key(row)).collect();
    let mut row = *rows.start();
    for stream in &unit.streams {
        let next = row + stream.events.len();
        if (row..next).any(|row| taken.contains(&row)) {
            return Finding::Refused(JournalError::Conflict {
                aggregate_type: stream.key.aggregate_type.to_owned(),
                aggregate_id: stream.key.id.to_string(),
                expected: stream.expected,
            });
        }
        row = next;
    }
    Finding::Free
}
