//! Every failure at every call of an operation: classed, and got over by the next try.

use opstella_adapters::{Removal, Removed};
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::Sandbox;

use super::{Driven, failures};

/// An adapter on a sandbox.
pub trait Sandboxed: Driven {
    fn sandbox(&self) -> &Sandbox;
}

/// Makes an operation's resource by run 1, with each failure at each call in turn; then again.
pub async fn making<W: Sandboxed>(tool: &str, operation: &Operation, world: impl AsyncFn() -> W) {
    for (fault, fits) in failures(tool) {
        for calls in 0.. {
            let at = format!("{operation:?}, call {calls}, {fault:?}");
            let world = world().await;
            let fault = fault.clone().skip(calls).times(1);
            world.sandbox().add_fault(fault).unwrap();
            let context = world.context(1);
            let ensured = world.adapter().ensure(operation, &context).await;
            world.sandbox().clear_faults();
            if let Err(error) = &ensured {
                assert!(fits(error), "{at}: {error:?}");
            }
            assert_eq!(world.provenance(operation, 1).await, Provenance::Created, "{at}");
            if ensured.is_ok() {
                assert!(calls > 0, "{at}: nothing was called");
                break;
            }
        }
    }
}

/// Removes what run 1 made, with each failure at each call in turn; then again.
pub async fn removing<W: Sandboxed>(tool: &str, operation: &Operation, world: impl AsyncFn() -> W) {
    for (fault, fits) in failures(tool) {
        for calls in 0.. {
            let at = format!("{operation:?}, call {calls}, {fault:?}");
            let world = world().await;
            let before = world.sandbox().state();
            world.ensure(operation, 1).await;
            let fault = fault.clone().skip(calls).times(1);
            world.sandbox().add_fault(fault).unwrap();
            let context = world.context(1);
            let removed = world.adapter().remove(operation, &context).await;
            world.sandbox().clear_faults();
            if let Err(error) = &removed {
                assert!(fits(error), "{at}: {error:?}");
            }
            let again = world.remove(operation, 1, Removal::ThisRun).await;
            assert_ne!(again, Removed::Kept, "{at}");
            assert_eq!(world.sandbox().state(), before, "{at}");
            if removed.is_ok() {
                assert!(calls > 0, "{at}: nothing was called");
                break;
            }
        }
    }
}
