//! What the tests of all adapters have in common: stores in memory, contexts, and failures.
#![allow(dead_code)] // Each test crate takes what it needs.

mod failures;
mod stores;
pub mod sweep;

use std::sync::Arc;

use chrono::Utc;
use opstella_adapters::{Removal, Removed, StepContext, StepError, ToolAdapter};
use opstella_domain::operation::{Operation, Owner};
use opstella_domain::resource::{Provenance, StepOutcome};
use opstella_domain::tool_connection::{Connection, ToolSettings};
use opstella_domain::{RunId, ServiceKey};

#[allow(unused_imports)]
pub use failures::{Failure, failures, lost, page, permanent, transient};
#[allow(unused_imports)]
pub use stores::{Memory, NoTemplates, Templates};

/// The service that most tests are about.
pub fn service() -> ServiceKey {
    "payments/checkout".parse().unwrap()
}

pub fn run(number: u128) -> RunId {
    RunId(uuid::Uuid::from_u128(number))
}

pub fn owner(service: &str, number: u128) -> Owner {
    Owner {
        service: service.parse().unwrap(),
        run: run(number),
    }
}

pub fn connection(url: impl Into<String>) -> Connection {
    Connection {
        url: url.into().try_into().unwrap(),
        credential: "credential".parse().unwrap(),
        settings: ToolSettings::default(),
    }
}

/// A context of a run of [`service`], unwinding, without templates.
pub fn context(number: u128, secrets: &Arc<Memory>) -> StepContext {
    StepContext {
        owner: Owner {
            service: service(),
            run: run(number),
        },
        adopt: false,
        retried: false,
        run_started: Utc::now(),
        removal: Removal::ThisRun,
        secrets: secrets.clone(),
        templates: Arc::new(NoTemplates),
    }
}

/// The rows of the table for what was made by run 1: who removes, how far, and what comes of it.
pub const REMOVALS: [(u128, Removal, Removed); 4] = [
    (1, Removal::ThisRun, Removed::Deleted),
    (2, Removal::ThisRun, Removed::Kept),
    (1, Removal::Service, Removed::Deleted),
    (2, Removal::Service, Removed::Deleted),
];

/// An adapter and how its contexts are made; the rest of what tests do with one follows.
pub trait Driven {
    fn adapter(&self) -> &dyn ToolAdapter;

    fn context(&self, number: u128) -> StepContext;

    async fn ensure(&self, operation: &Operation, number: u128) -> StepOutcome {
        let context = self.context(number);
        self.adapter()
            .ensure(operation, &context)
            .await
            .unwrap_or_else(|error| panic!("{operation:?}: {error:?}"))
    }

    async fn provenance(&self, operation: &Operation, number: u128) -> Provenance {
        self.ensure(operation, number).await.provenance
    }

    async fn adopt(&self, operation: &Operation, number: u128) -> Provenance {
        let context = StepContext {
            adopt: true,
            ..self.context(number)
        };
        self.adapter()
            .ensure(operation, &context)
            .await
            .unwrap_or_else(|error| panic!("{operation:?}: {error:?}"))
            .provenance
    }

    async fn refusal(&self, operation: &Operation, number: u128) -> StepError {
        let context = self.context(number);
        self.adapter().ensure(operation, &context).await.unwrap_err()
    }

    async fn remove(&self, operation: &Operation, number: u128, removal: Removal) -> Removed {
        let context = StepContext {
            removal,
            ..self.context(number)
        };
        self.adapter()
            .remove(operation, &context)
            .await
            .unwrap_or_else(|error| panic!("{operation:?}: {error:?}"))
    }

    async fn remove_failing(&self, operation: &Operation, number: u128) -> StepError {
        let context = self.context(number);
        self.adapter().remove(operation, &context).await.unwrap_err()
    }
}
