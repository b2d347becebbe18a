//! Loading the resources that a batch concerns and writing what changed.

use std::collections::BTreeSet;

use opstella_domain::plan::SagaKind;
use opstella_domain::run::RunEvent;
use opstella_domain::{RunId, ServiceKey};
use sqlx::PgConnection;

use super::fold::{Fact, Of, Place, ResourceRow, RunRow, State};
use crate::ApplyError;
use crate::models::rows::{read, unslug, write as write_rows};

const LOAD_RUNS: &str = "SELECT to_jsonb(r) FROM resource_runs r \
    WHERE r.run_id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

const LOAD: &str = "
SELECT to_jsonb(r) FROM external_resources r JOIN jsonb_to_recordset($1) AS k(project text, service text)
    ON r.project = k.project AND r.service = k.service";

const RUNS: &str = "
INSERT INTO resource_runs SELECT * FROM jsonb_to_recordset($1) AS r(run_id uuid, project text, service text, makes boolean)
ON CONFLICT (run_id) DO NOTHING";

const RESOURCES: &str = "
INSERT INTO external_resources
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, tool text, kind text, name text, url text,
    provenance text, run_id uuid, step text, since timestamptz, confirmed_at timestamptz, left_behind boolean,
    removed_at timestamptz, removal text)
ON CONFLICT (project, service, tool, kind, name) DO UPDATE SET url = excluded.url, provenance = excluded.provenance,
    run_id = excluded.run_id, step = excluded.step, since = excluded.since, confirmed_at = excluded.confirmed_at,
    left_behind = excluded.left_behind, removed_at = excluded.removed_at, removal = excluded.removal";

/// Whether an event can change a row; most of a run's events cannot.
fn concerns_rows(event: &RunEvent) -> bool {
    matches!(
        event,
        RunEvent::StepSucceeded { .. }
            | RunEvent::StepCompensated { .. }
            | RunEvent::RunFailed { .. }
            | RunEvent::RunCancelled { .. }
            | RunEvent::RunAbandoned { .. }
            | RunEvent::RunSucceeded { .. }
    )
}

pub(super) async fn load(tx: &mut PgConnection, facts: &[Fact]) -> Result<State, ApplyError> {
    let mut state = State::default();
    let (mut ids, mut services): (BTreeSet<RunId>, BTreeSet<ServiceKey>) = Default::default();
    let mut concerned: BTreeSet<RunId> = BTreeSet::new();
    for fact in facts {
        match &fact.of {
            Of::Decommissioned(key) => {
                services.insert(key.clone());
            }
            Of::Run(id, RunEvent::RunPlanned { service, saga, .. }) => {
                state
                    .runs
                    .insert(*id, (service.clone(), *saga != SagaKind::Promote));
            }
            Of::Run(id, event) => {
                ids.insert(*id);
                if concerns_rows(event) {
                    concerned.insert(*id);
                }
            }
        }
    }
    let unknown: Vec<RunId> = ids
        .into_iter()
        .filter(|id| !state.runs.contains_key(id))
        .collect();
    for row in read::<_, RunRow>(tx, LOAD_RUNS, &unknown).await? {
        let key = ServiceKey {
            project: unslug(&row.project)?,
            service: unslug(&row.service)?,
        };
        state.runs.insert(RunId(row.run_id), (key, row.makes));
    }
    services.extend(
        concerned
            .iter()
            .filter_map(|id| state.runs.get(id).map(|(key, _)| key.clone())),
    );
    let services: Vec<ServiceKey> = services.into_iter().collect();
    for row in read::<_, ResourceRow>(tx, LOAD, &services).await? {
        let key = ServiceKey {
            project: unslug(&row.project)?,
            service: unslug(&row.service)?,
        };
        let place = Place {
            tool: row.tool.clone(),
            kind: row.kind.clone(),
            name: row.name.clone(),
        };
        state.resources.entry(key).or_default().insert(place, row);
    }
    state.stored.clone_from(&state.resources);
    Ok(state)
}

pub(super) async fn write(tx: &mut PgConnection, state: State) -> Result<(), ApplyError> {
    let State {
        new_runs,
        resources,
        stored,
        ..
    } = state;
    let mut changed: Vec<ResourceRow> = Vec::new();
    for (key, rows) in resources {
        let before = stored.get(&key);
        let differs = |place: &Place, row: &ResourceRow| before.and_then(|rows| rows.get(place)) != Some(row);
        changed.extend(
            rows.into_iter()
                .filter(|(place, row)| differs(place, row))
                .map(|(_, row)| row),
        );
    }
    write_rows(tx, RUNS, &new_runs).await?;
    write_rows(tx, RESOURCES, &changed).await
}
