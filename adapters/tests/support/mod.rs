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
use opstella_domain::{InstallationId, RunId, ServiceKey};

#[allow(unused_imports)]
pub use failures::{Failure, failures, lost, page, permanent, transient};
#[allow(unused_imports)]
pub use stores::{Memory, NoTemplates, Templates};

/// The service that most tests are about.
pub fn service() -> ServiceKey {
    "payments/checkout".parse().unwrap()
}

/// The Opstella that the tests are about.
pub const INSTALLATION: InstallationId = InstallationId(uuid::Uuid::from_u128(0xa));
/// Another one, on the same tools.
pub const ANOTHER: InstallationId = InstallationId(uuid::Uuid::from_u128(0xb));

/// The same of another installation: the same service, and even the same run.
pub fn elsewhere(mut context: StepContext) -> StepContext {
    context.owner.installation = ANOTHER;
    context
}

/// What the error says of a resource of [`ANOTHER`]; it is permanent.
#[track_caller]
pub fn of_another(error: &StepError) -> String {
    managed_by(error, ANOTHER)
}

/// What the error says of a resource that this other installation manages; it is permanent.
#[track_caller]
pub fn managed_by(error: &StepError, installation: InstallationId) -> String {
    let text = permanent(error);
    let said = format!("managed by another installation of Opstella ({installation})");
    assert!(text.contains(&said) && text.contains("adoption"), "{text}");
    text
}

pub fn run(number: u128) -> RunId {
    RunId(uuid::Uuid::from_u128(number))
}

pub fn owner(service: &str, number: u128) -> Owner {
    Owner {
        installation: INSTALLATION,
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
            installation: INSTALLATION,
            service: service(),
            run: run(number),
        },
        adopt: false,
        retried: false,
        commit: None,
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

    /// Has another installation make the resource, for a service and in a run of the same name: what is ours refuses it,
    /// and no removal takes it. The refusal.
    async fn left_to_another_installation(&self, operation: &Operation) -> StepError {
        let theirs = StepContext {
            adopt: true, // what it is in, which is ours
            ..elsewhere(self.context(1))
        };
        let made = self.adapter().ensure(operation, &theirs).await.unwrap();
        assert_eq!(made.provenance, Provenance::Created, "{operation:?}");
        let refusal = self.refusal(operation, 1).await;
        permanent(&refusal);
        for removal in [Removal::ThisRun, Removal::Service] {
            let removed = self.remove(operation, 1, removal).await;
            assert_eq!(removed, Removed::Kept, "{operation:?} {removal:?}");
        }
        let again = self.adapter().ensure(operation, &theirs).await.unwrap();
        assert_eq!(again, made, "{operation:?}");
        refusal
    }

    async fn remove_failing(&self, operation: &Operation, number: u128) -> StepError {
        let context = self.context(number);
        self.adapter().remove(operation, &context).await.unwrap_err()
    }
}
