//! Writes histories to the events' table, many rows in a statement.

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::ProgressBar;
use opstella_domain::Decide;
use sqlx::PgPool;

use super::history::History;
use crate::BenchError;

/// How far the histories go back.
const WEEKS: i64 = 26;
const ROWS: usize = 4000;

const INSERT: &str = r#"
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, recorded_at)
SELECT t, i, s, e, '1.0', p::json, '{"actor_subject":"bench","command":"Bench","correlation":"bench"}', r
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[]) AS x(t, i, s, e, p, r)"#;

/// Rows on their way into the table.
#[derive(Default)]
pub struct Sink {
    types: Vec<&'static str>,
    ids: Vec<String>,
    sequences: Vec<i64>,
    events: Vec<String>,
    payloads: Vec<String>,
    times: Vec<DateTime<Utc>>,
}

impl Sink {
    /// One more event of a stream.
    pub fn push<A: Decide>(
        &mut self,
        (id, sequence): (&str, i64),
        event: &A::Event,
        at: DateTime<Utc>,
    ) -> Result<(), BenchError> {
        self.types.push(<A as Decide>::TYPE);
        self.ids.push(id.to_owned());
        self.sequences.push(sequence);
        self.events.push(cqrs_es::DomainEvent::event_type(event));
        self.payloads.push(serde_json::to_string(event)?);
        self.times.push(at);
        Ok(())
    }

    async fn flush(&mut self, pool: &PgPool) -> Result<u64, BenchError> {
        let Self {
            types,
            ids,
            sequences,
            events,
            payloads,
            times,
        } = std::mem::take(self);
        let written = sqlx::query(INSERT)
            .bind(types)
            .bind(ids)
            .bind(sequences)
            .bind(events)
            .bind(payloads)
            .bind(times)
            .execute(pool)
            .await?;
        Ok(written.rows_affected())
    }
}

/// Fills the table: all services side by side, so that events come in the order of their time. Tells how many there
/// are.
pub async fn fill(
    pool: &PgPool,
    (services, promotions): (u32, u32),
    now: DateTime<Utc>,
    progress: &ProgressBar,
) -> Result<u64, BenchError> {
    let (mut sink, mut written) = (Sink::default(), 0);
    let begin = now - TimeDelta::weeks(WEEKS);
    let mut histories = Vec::new();
    for number in 0..services {
        histories.push(History::begin(number, begin, &mut sink)?);
        if sink.ids.len() >= ROWS {
            written += sink.flush(pool).await?;
        }
    }
    // Time for each promotion of a service, and within it for each service.
    let round = TimeDelta::weeks(WEEKS) / i32::try_from(promotions + 1).unwrap_or(i32::MAX);
    let turn = round / i32::try_from(services + 1).unwrap_or(i32::MAX);
    let mut starts = begin;
    for number in 0..promotions {
        starts += round;
        let mut at = starts - round;
        for history in &mut histories {
            at += turn;
            history.promote(at, number + 1 == promotions, &mut sink)?;
            if sink.ids.len() >= ROWS {
                written += sink.flush(pool).await?;
            }
            progress.inc(1);
        }
    }
    written += sink.flush(pool).await?;
    Ok(written)
}
