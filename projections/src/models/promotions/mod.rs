//! Promotions, and what runs in each environment of each service.
//!
//! Where a promotion stands after an event is the domain's business: an environment is turned back into the aggregate,
//! its own `evolve` folds the event in, and the result is written.

mod dashboard;
mod environment;
mod promotion;
mod store;

use async_trait::async_trait;
use opstella_domain::Decide;
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, ServiceEnvironment};
use opstella_domain::service::{Service, ServiceEvent};
use opstella_journal::RecordedEvent;
use sqlx::PgConnection;

use super::place::key;
use crate::decode::decode;
use crate::{ApplyError, DashboardView, Projection};

/// Which release is where, and on its way where.
#[derive(Debug, Clone, Copy)]
pub struct Promotions;

/// What an event means here.
enum Fact {
    /// To an environment.
    Environment(EnvironmentKey, EnvironmentEvent),
    /// To a service: it has or loses environments.
    Service(opstella_domain::ServiceKey, ServiceEvent),
}

#[async_trait]
impl Projection for Promotions {
    fn name(&self) -> &'static str {
        "promotions"
    }

    fn version(&self) -> i32 {
        3
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        dashboard::VIEWS
    }

    fn aggregates(&self) -> Option<&'static [&'static str]> {
        Some(&[<ServiceEnvironment as Decide>::TYPE, <Service as Decide>::TYPE])
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let mut facts = Vec::new();
        for event in batch {
            match event.aggregate_type.as_str() {
                <ServiceEnvironment as Decide>::TYPE => {
                    facts.push((event, Fact::Environment(key(event)?, decode(event)?)));
                }
                <Service as Decide>::TYPE if concerns_environments(event) => {
                    facts.push((event, Fact::Service(key(event)?, decode(event)?)));
                }
                _ => {}
            }
        }
        let mut state = store::load(tx, &facts).await?;
        for (recorded, fact) in facts {
            match fact {
                Fact::Environment(key, event) => state.environment(&key, recorded, event)?,
                Fact::Service(key, event) => state.service(&key, recorded, &event)?,
            }
        }
        store::write(tx, state).await
    }
}

/// Whether a service's event gives it environments or takes them.
fn concerns_environments(event: &RecordedEvent) -> bool {
    matches!(
        event.event_type.as_str(),
        "ServiceRequested" | "ServiceProvisioningFailed" | "EnvironmentAdded" | "ServiceDecommissioned"
    )
}
