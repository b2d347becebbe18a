//! The ownership mark of a KV entry: custom metadata.

use std::collections::BTreeMap;

use opstella_domain::operation::Owner;
use opstella_domain::resource::Provenance;
use opstella_domain::{RunId, ServiceKey};

use crate::StepContext;

const MANAGED_BY: &str = "managed_by";
const OPSTELLA: &str = "opstella";
const OWNER: &str = "owner";
const RUN: &str = "run";

/// Custom metadata of an entry.
pub(super) type Custom = BTreeMap<String, String>;

/// The mark of an entry that a run of ours makes.
pub(super) fn of(owner: &Owner) -> Custom {
    let mut custom = adopted(&Custom::new(), owner);
    custom.insert(RUN.into(), owner.run.to_string());
    custom
}

/// What is there, and that it is ours now; by no run, so that none deletes it.
pub(super) fn adopted(there: &Custom, owner: &Owner) -> Custom {
    let mut custom = there.clone();
    custom.insert(MANAGED_BY.into(), OPSTELLA.into());
    custom.insert(OWNER.into(), owner.service.to_string());
    custom.remove(RUN);
    custom
}

/// Whether an Opstella made or adopted it, for whichever service.
pub(super) fn is_managed(custom: &Custom) -> bool {
    custom.get(MANAGED_BY).is_some_and(|by| by == OPSTELLA)
}

/// Whether it is the service's.
pub(super) fn is_of_service(custom: &Custom, service: &ServiceKey) -> bool {
    is_managed(custom)
        && custom
            .get(OWNER)
            .is_some_and(|owner| *owner == service.to_string())
}

/// Which run made it; none if it was adopted.
pub(super) fn run(custom: &Custom) -> Option<RunId> {
    custom.get(RUN)?.parse().ok()
}

/// What an entry of ours is to the context's run.
pub(super) fn provenance(custom: &Custom, context: &StepContext) -> Provenance {
    super::role_mark::provenance(run(custom), context)
}
