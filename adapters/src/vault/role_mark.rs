//! The ownership mark of an auth role: the name of a policy that does not exist, among its token policies.
//!
//! A role has no field for text. A policy's name that nobody defines grants nothing, is written by the call that makes
//! the role, and shows in each token's policies which run made its role.

use opstella_domain::RunId;
use opstella_domain::resource::Provenance;

use crate::StepContext;

const RUN: &str = "opstella-run-";
/// Of a role that was there and was adopted.
pub(super) const ADOPTED: &str = "opstella-adopted";

/// The mark of a role that a run makes.
pub(super) fn of(run: RunId) -> String {
    format!("{RUN}{run}")
}

/// Which run made the role with these policies.
pub(super) fn run(policies: &[String]) -> Option<RunId> {
    policies
        .iter()
        .find_map(|name| name.strip_prefix(RUN)?.parse().ok())
}

/// What a resource of ours is to the context's run, by the run that made it; none made what was adopted.
pub(super) fn provenance(made_by: Option<RunId>, context: &StepContext) -> Provenance {
    match made_by {
        Some(run) if run == context.owner.run => Provenance::Created,
        None if context.adopt => Provenance::Adopted,
        _ => Provenance::Existing,
    }
}
