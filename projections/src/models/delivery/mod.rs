//! Delivery: how often, how fast and how well releases come into an environment.
//!
//! The figures are DORA's (<https://dora.dev/guides/dora-metrics/>), of PRD, as far as events tell:
//!
//! | DORA | here |
//! | --- | --- |
//! | deployment frequency | promotions into PRD that were completed; going back to an earlier release is a remedy, not a deployment |
//! | change lead time | the median over changes: commits of components that CI has registered, each from its commit, or where CI does not say when that was, from the registration of the first release that has it, to its arrival in PRD |
//! | change fail rate | of the deployments of promotions into PRD that changed it, the share that was rolled back, left something behind, or was completed and then fell ill or was taken back by a rollback |
//! | failed deployment recovery time | until what ran before was back, health was back, or the next deployment was completed; from the start of the deployment that did not succeed, from when a completed one fell ill, or, where one is taken back that never fell ill since it came, from its completion |
//!
//! A change arrives once, with the first completed promotion of a release that has an image of its component, and was
//! registered no earlier than the first one that has the change: what is in releases that were skipped on the way goes live
//! with the one that was not. The first release that brings a component to PRD brings all of it that was registered before;
//! of components that it has no image of, it brings nothing. Going back ships nothing; coming again ships nothing new.
//! Weeks are those of ISO 8601 in UTC: a deployment and its changes belong to that of its end, a recovery to that of its own.
//!
//! What ended before anything was changed is no deployment, whether a gate, a person or a failure stopped it. One outage is
//! one recovery: what fails while something is wrong already does not start another, and going back to what was ill before
//! does not end it. Ill health is the failure of the promotion that brought what runs, or may have left it behind; after
//! going back, it may be what the release that was taken back has left, and is counted to none. Where rollback follows
//! rollback, each release that was taken back failed. With its service, an outage is forgotten; the past stays.

mod dashboard;
mod fold;
mod rows;
mod store;

use async_trait::async_trait;
use opstella_domain::Decide;
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Release, ReleaseEvent, ReleaseImage, ReleaseKey};
use opstella_domain::service::Service;
use opstella_domain::{Environment, ServiceKey};
use opstella_journal::RecordedEvent;
use sqlx::PgConnection;

use super::place::key;
use crate::decode::decode;
use crate::{ApplyError, DashboardView, Projection};

/// How delivery goes.
#[derive(Debug, Clone, Copy)]
pub struct Delivery;

/// What an event means here.
enum Fact {
    /// Images of a release are there.
    Registered(ReleaseKey, Vec<ReleaseImage>),
    /// To an environment.
    Environment(EnvironmentKey, EnvironmentEvent),
    /// The service is gone, and with it all trouble.
    Gone(ServiceKey),
}

#[async_trait]
impl Projection for Delivery {
    fn name(&self) -> &'static str {
        "delivery"
    }

    fn version(&self) -> i32 {
        4
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        dashboard::VIEWS
    }

    fn aggregates(&self) -> Option<&'static [&'static str]> {
        Some(&[
            <Release as Decide>::TYPE,
            <Service as Decide>::TYPE,
            <ServiceEnvironment as Decide>::TYPE,
        ])
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let mut facts = Vec::new();
        for event in batch {
            if let Some(fact) = fact(event)? {
                facts.push((event, fact));
            }
        }
        let mut state = store::load(tx, &facts).await?;
        for (recorded, fact) in facts {
            match fact {
                Fact::Registered(key, images) => state.registered(&key, images, recorded),
                Fact::Environment(key, event) => state.environment(&key, recorded, &event)?,
                Fact::Gone(service) => {
                    for environment in Environment::all() {
                        let service = service.clone();
                        state.gone(&EnvironmentKey { service, environment }, recorded);
                    }
                }
            }
        }
        store::write(tx, state).await
    }
}

/// Only what matters here is read: gates are long.
fn fact(event: &RecordedEvent) -> Result<Option<Fact>, ApplyError> {
    Ok(match (event.aggregate_type.as_str(), event.event_type.as_str()) {
        (<Release as Decide>::TYPE, "ReleaseRegistered" | "ReleaseImagesAdded") => match decode(event)? {
            ReleaseEvent::ReleaseRegistered { images, .. }
            | ReleaseEvent::ReleaseImagesAdded { images, .. } => Some(Fact::Registered(key(event)?, images)),
            _ => None,
        },
        (<Service as Decide>::TYPE, "ServiceDecommissioned") => Some(Fact::Gone(key(event)?)),
        (
            <ServiceEnvironment as Decide>::TYPE,
            "PromotionRequested"
            | "PromotionRejected"
            | "PromotionCancelled"
            | "PromotionCompleted"
            | "PromotionFailed"
            | "DeploymentStarted"
            | "DeploymentRolledBack"
            | "HealthChanged",
        ) => Some(Fact::Environment(key(event)?, decode(event)?)),
        _ => None,
    })
}
