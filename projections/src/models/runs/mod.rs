//! Runs, their steps, and the tries of each step.
//!
//! What a step's phase is after an event is the domain's business: the rows are turned back into a
//! [`Run`](opstella_domain::run::Run), its own `evolve` folds the event in, and the result is written.

mod dashboard;
mod rows;
mod store;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use opstella_domain::run::{Run, RunEvent};
use opstella_domain::{Decide, RunId};
use opstella_journal::RecordedEvent;
use sqlx::PgConnection;

use self::view::RunView;
use crate::decode::decode;
use crate::{ApplyError, DashboardView, Projection};

/// What is being done, and what was.
#[derive(Debug, Clone, Copy)]
pub struct Runs;

#[async_trait]
impl Projection for Runs {
    fn name(&self) -> &'static str {
        "runs"
    }

    fn version(&self) -> i32 {
        2
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        dashboard::VIEWS
    }

    fn aggregates(&self) -> Option<&'static [&'static str]> {
        Some(&[<Run as Decide>::TYPE])
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let ours = batch
            .iter()
            .filter(|event| event.aggregate_type == <Run as Decide>::TYPE);
        let mut events: Vec<(RunId, &RecordedEvent, RunEvent)> = Vec::new();
        for event in ours {
            let refused = |error| ApplyError::Refused {
                position: event.position,
                reason: format!("{error}"),
            };
            let id: RunId = event.aggregate_id.parse().map_err(refused)?;
            events.push((id, event, decode(event)?));
        }
        let planned: BTreeSet<RunId> = events
            .iter()
            .filter(|(_, _, event)| matches!(event, RunEvent::RunPlanned { .. }))
            .map(|(id, ..)| *id)
            .collect();
        let known: BTreeSet<RunId> = events
            .iter()
            .map(|(id, ..)| *id)
            .filter(|id| !planned.contains(id))
            .collect();
        let mut views = store::load(tx, known).await?;
        for (id, recorded, event) in events {
            fold(&mut views, id, recorded, event)?;
        }
        store::write(tx, views.into_values()).await
    }
}

fn fold(
    views: &mut BTreeMap<RunId, RunView>,
    id: RunId,
    recorded: &RecordedEvent,
    event: RunEvent,
) -> Result<(), ApplyError> {
    if let RunEvent::RunPlanned {
        saga,
        service,
        adopt,
        at,
        environment,
        plan,
        ..
    } = &event
    {
        let view = RunView::planned(id, recorded, (*saga, service, *adopt, *at), *environment, plan)?;
        views.insert(id, view);
    }
    let view = views.get_mut(&id).ok_or_else(|| ApplyError::Refused {
        position: recorded.position,
        reason: format!("there is no run {id}"),
    })?;
    view.evolve(recorded, event)
}
