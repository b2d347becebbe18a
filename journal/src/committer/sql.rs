use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};

use super::Unit;
use crate::{Claim, Position};

// The order of the rows is the order of the positions: the identity values are given out after the sort.
const INSERT: &str = "
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
SELECT t, i, s, e, v, p::json, m::json
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
     WITH ORDINALITY AS r(t, i, s, e, v, p, m, n)
ORDER BY n
RETURNING position, transaction_id::text::bigint";

const INSERT_WITH_CLAIMS: &str = "
WITH claimed AS (
    INSERT INTO idempotency_keys (scope, key, fingerprint, answer, unit, expires_at)
    SELECT c, k, f, a::json, u, x
    FROM unnest($8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[])
         AS r(c, k, f, a, u, x)
)
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
SELECT t, i, s, e, v, p::json, m::json
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
     WITH ORDINALITY AS r(t, i, s, e, v, p, m, n)
ORDER BY n
RETURNING position, transaction_id::text::bigint";

// Most batches of a quiet journal: no arrays, no sort.
const INSERT_ONE: &str = "
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ($1, $2, $3, $4, $5, $6::text::json, $7::text::json)
RETURNING position, transaction_id::text::bigint";

/// The rows of `units` that are already there, and by which append.
const PRESENT: &str = "
SELECT r.n, e.metadata ->> 'unit', e.transaction_id::text::bigint, e.position
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS r(t, i, s, n)
JOIN events e ON e.aggregate_type = r.t AND e.aggregate_id = r.i AND e.sequence = r.s
ORDER BY r.n";

pub(super) const REMOVE_EXPIRED: &str = "
DELETE FROM idempotency_keys k
USING unnest($1::text[], $2::text[]) AS r(c, k)
WHERE k.scope = r.c AND k.key = r.k AND k.expires_at <= now()";

/// Claims by scope and key. The position is that of the claiming append's last event.
pub(crate) const CLAIMED: &str = "
SELECT r.n, k.fingerprint, k.answer::text, k.unit, k.transaction_id::text::bigint,
       (SELECT max(e.position) FROM events e
        WHERE e.transaction_id = k.transaction_id AND e.metadata ->> 'unit' = k.unit)
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r(c, k, n)
JOIN idempotency_keys k ON k.scope = r.c AND k.key = r.k
WHERE k.expires_at > now()";

pub(crate) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

pub(super) fn insert<'q>(units: &[Unit]) -> PgQuery<'q> {
    let rows = units.iter().map(|unit| unit.rows).sum();
    let with_claims = units.iter().any(|unit| unit.claim.is_some());
    if let (1, false, [unit]) = (rows, with_claims, units)
        && let Some((stream, event)) = unit
            .streams
            .iter()
            .find_map(|stream| Some((stream, stream.events.first()?)))
    {
        return sqlx::query(INSERT_ONE)
            .bind(stream.key.aggregate_type)
            .bind(&*stream.key.id)
            .bind(stream.expected as i64 + 1)
            .bind(event.event_type.as_str())
            .bind(event.event_version.as_str())
            .bind(event.payload.as_str())
            .bind(unit.metadata.as_str());
    }
    let mut types = Vec::with_capacity(rows);
    let mut ids = Vec::with_capacity(rows);
    let mut sequences = Vec::with_capacity(rows);
    let mut event_types = Vec::with_capacity(rows);
    let mut event_versions = Vec::with_capacity(rows);
    let mut payloads = Vec::with_capacity(rows);
    let mut metadata = Vec::with_capacity(rows);
    for unit in units {
        for stream in &unit.streams {
            for (event, sequence) in stream.events.iter().zip(stream.expected + 1..) {
                types.push(stream.key.aggregate_type);
                ids.push(&*stream.key.id);
                sequences.push(sequence as i64);
                event_types.push(event.event_type.as_str());
                event_versions.push(event.event_version.as_str());
                payloads.push(event.payload.as_str());
                metadata.push(unit.metadata.as_str());
            }
        }
    }
    let query = sqlx::query(if with_claims { INSERT_WITH_CLAIMS } else { INSERT })
        .bind(types)
        .bind(ids)
        .bind(sequences)
        .bind(event_types)
        .bind(event_versions)
        .bind(payloads)
        .bind(metadata);
    if !with_claims {
        return query;
    }
    let claims = || units.iter().filter_map(|unit| Some((unit, unit.claim.as_ref()?)));
    query
        .bind(
            claims()
                .map(|(_, (claim, _))| claim.scope.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            claims()
                .map(|(_, (claim, _))| claim.key.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            claims()
                .map(|(_, (claim, _))| claim.fingerprint.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            claims()
                .map(|(_, (_, answer))| answer.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(claims().map(|(unit, _)| unit.id.as_str()).collect::<Vec<_>>())
        .bind(
            claims()
                .map(|(_, (claim, _))| claim.expires_at)
                .collect::<Vec<_>>(),
        )
}

pub(super) fn present<'q>(units: &[Unit]) -> PgQuery<'q> {
    let mut types = Vec::new();
    let mut ids = Vec::new();
    let mut sequences = Vec::new();
    for stream in units.iter().flat_map(|unit| &unit.streams) {
        for offset in 0..stream.events.len() as u64 {
            types.push(stream.key.aggregate_type);
            ids.push(&*stream.key.id);
            sequences.push((stream.expected + 1 + offset) as i64);
        }
    }
    sqlx::query(PRESENT).bind(types).bind(ids).bind(sequences)
}

/// `sql` with the scopes and keys of these units' claims, which the result numbers from 1.
pub(super) fn with_keys<'q>(sql: &'static str, units: &[Unit]) -> PgQuery<'q> {
    let claims = || {
        units
            .iter()
            .filter_map(|unit| unit.claim.as_ref())
            .map(|(claim, _)| claim)
    };
    sqlx::query(sql)
        .bind(claims().map(|claim| claim.scope.as_str()).collect::<Vec<_>>())
        .bind(claims().map(|claim| claim.key.as_str()).collect::<Vec<_>>())
}

/// Reads a row of `CLAIMED`: its number and the claim.
pub(crate) fn read_claim(row: &PgRow) -> Result<(usize, Claim), sqlx::Error> {
    let answer: String = row.try_get(2)?;
    let position: Option<i64> = row.try_get(5)?;
    let claim = Claim {
        fingerprint: row.try_get(1)?,
        answer: serde_json::from_str(&answer).map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        unit: row.try_get(3)?,
        position: match position {
            Some(position) => Position {
                transaction_id: row.try_get::<i64, _>(4)?.unsigned_abs(),
                position,
            },
            // A claim without events: there is nothing to wait for.
            None => Position::START,
        },
    };
    Ok((row.try_get::<i64, _>(0)?.unsigned_abs() as usize, claim))
}
