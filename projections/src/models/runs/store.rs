//! Loading runs and writing what changed.

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::RunId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::{RunRow, StepRow};
use super::view::RunView;
use crate::ApplyError;
use crate::models::rows::{read, write as write_rows};

const LOAD_RUNS: &str =
    "SELECT to_jsonb(r) FROM runs r WHERE r.id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

const LOAD_STEPS: &str = "SELECT to_jsonb(s) FROM run_steps s WHERE s.run_id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

const RUNS: &str = "
INSERT INTO runs
SELECT * FROM jsonb_to_recordset($1) AS r(id uuid, project text, service text, saga text, environment text, adopt boolean, status text,
    going_back boolean, cause text, unwind_cause jsonb, end_reason text, stuck_on text, stuck_message text,
    left_behind text[], planned_at timestamptz, started_at timestamptz, updated_at timestamptz,
    finished_at timestamptz, version bigint, transaction_id bigint, position bigint)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, going_back = excluded.going_back, cause = excluded.cause,
    unwind_cause = excluded.unwind_cause, end_reason = excluded.end_reason, stuck_on = excluded.stuck_on,
    stuck_message = excluded.stuck_message, left_behind = excluded.left_behind, updated_at = excluded.updated_at,
    finished_at = excluded.finished_at, version = excluded.version";

const STEPS: &str = "
INSERT INTO run_steps
SELECT * FROM jsonb_to_recordset($1) AS r(run_id uuid, step text, ordinal integer, tool text, connection text,
    operation text, depends_on text[], phase text, attempt bigint, failures bigint, compensation_attempt bigint,
    compensation_failures bigint,
    next_try_at timestamptz, awaited_since timestamptz, provenance text, attempts integer, started_at timestamptz, finished_at timestamptz,
    duration_ms bigint, last_error text, skip_reason text)
ON CONFLICT (run_id, step) DO UPDATE SET phase = excluded.phase, attempt = excluded.attempt,
    failures = excluded.failures, compensation_attempt = excluded.compensation_attempt,
    compensation_failures = excluded.compensation_failures,
    next_try_at = excluded.next_try_at, awaited_since = excluded.awaited_since, provenance = excluded.provenance, attempts = excluded.attempts,
    started_at = excluded.started_at, finished_at = excluded.finished_at, duration_ms = excluded.duration_ms,
    last_error = excluded.last_error, skip_reason = excluded.skip_reason";

const BEGUN: &str = "
INSERT INTO run_attempts
SELECT * FROM jsonb_to_recordset($1) AS r(run_id uuid, step text, ordinal integer, direction text, attempt bigint,
    outcome text, class text, message text, deleted boolean, started_at timestamptz, finished_at timestamptz,
    duration_ms bigint)";

const ENDED: &str = "
UPDATE run_attempts a SET outcome = r.outcome, class = r.class, message = r.message, finished_at = r.finished_at,
                          duration_ms = r.duration_ms
FROM jsonb_to_recordset($1) AS r(run_id uuid, step text, ordinal integer, outcome text, class text, message text,
                                 finished_at timestamptz, duration_ms bigint)
WHERE a.run_id = r.run_id AND a.step = r.step AND a.ordinal = r.ordinal";

/// These runs, as far as they are known.
pub(super) async fn load(
    tx: &mut PgConnection,
    ids: BTreeSet<RunId>,
) -> Result<BTreeMap<RunId, RunView>, ApplyError> {
    let ids: Vec<RunId> = ids.into_iter().collect();
    let runs: Vec<RunRow> = read(tx, LOAD_RUNS, &ids).await?;
    let mut steps: BTreeMap<Uuid, Vec<StepRow>> = BTreeMap::new();
    for step in read::<_, StepRow>(tx, LOAD_STEPS, &ids).await? {
        steps.entry(step.run_id).or_default().push(step);
    }
    let view = |row: RunRow| {
        let steps = steps.remove(&row.id).unwrap_or_default();
        Ok((RunId(row.id), RunView::loaded(row, steps)?))
    };
    runs.into_iter().map(view).collect()
}

/// Writes the runs, and of their steps and tries those that changed.
pub(super) async fn write(
    tx: &mut PgConnection,
    views: impl Iterator<Item = RunView>,
) -> Result<(), ApplyError> {
    let (mut runs, mut steps, mut begun, mut ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for mut view in views {
        view.settle()?;
        let RunView {
            row,
            steps: now,
            stored,
            begun: new,
            ended: old,
            ..
        } = view;
        runs.push(row);
        steps.extend(
            now.into_iter()
                .filter(|(id, step)| stored.get(id) != Some(step))
                .map(|(_, step)| step),
        );
        begun.extend(new.into_values());
        ended.extend(old);
    }
    write_rows(tx, RUNS, &runs).await?;
    write_rows(tx, STEPS, &steps).await?;
    write_rows(tx, BEGUN, &begun).await?;
    write_rows(tx, ENDED, &ended).await
}
