//! External resources: what each service has in the tools, with links.

mod fold;
mod store;

use async_trait::async_trait;
use opstella_domain::Decide;
use opstella_domain::run::Run;
use opstella_domain::service::Service;
use opstella_journal::RecordedEvent;
use sqlx::PgConnection;

use crate::{ApplyError, DashboardView, Projection};

/// What services have in the tools.
#[derive(Debug, Clone, Copy)]
pub struct Resources;

const VIEWS: &[DashboardView] = &[DashboardView {
    name: "external_resources",
    comment: "What each service has in the tools",
    columns: &[
        ("project", "Slug of the project"),
        ("service", "Name of the service"),
        ("tool", "In which tool it is"),
        ("kind", "What it is, in the tool's words"),
        ("name", "Its name or id there"),
        ("url", "Where people look at it"),
        (
            "provenance",
            "created by Opstella, existing before (and ours), or adopted",
        ),
        ("run_id", "The run that last vouched for it"),
        ("step", "The step of that run"),
        ("since", "Since when the service has it"),
        (
            "removed_at",
            "When it was removed or released; empty while it is there",
        ),
        ("left_behind", "Whether an operator gave up removing it"),
    ],
    query: "SELECT r.project, r.service, r.tool, r.kind, r.name, r.url, r.provenance, r.run_id, r.step, r.since, \
            r.removed_at, r.left_behind FROM external_resources r",
}];

#[async_trait]
impl Projection for Resources {
    fn name(&self) -> &'static str {
        "resources"
    }

    fn version(&self) -> i32 {
        3
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        VIEWS
    }

    fn aggregates(&self) -> Option<&'static [&'static str]> {
        Some(&[<Run as Decide>::TYPE, <Service as Decide>::TYPE])
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let facts = fold::facts(batch)?;
        let mut state = store::load(tx, &facts).await?;
        for fact in facts {
            state.fold(fact)?;
        }
        store::write(tx, state).await
    }
}
