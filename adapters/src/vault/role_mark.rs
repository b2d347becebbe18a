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

/// How a role came to be ours. The role's name says whose it is: no two services' roles share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// A run made it.
    Run(RunId),
    /// It was there and was adopted.
    Adopted,
}

impl Maker {
    /// By the policies of the role; none if it is somebody else's, whatever else they say: our policy may be among
    /// those that somebody gave a role by hand.
    pub(super) fn of(policies: &[String]) -> Option<Self> {
        if policies.iter().any(|name| name == ADOPTED) {
            return Some(Self::Adopted);
        }
        let run = |name: &String| name.strip_prefix(RUN)?.parse().ok();
        policies.iter().find_map(run).map(Self::Run)
    }
}

/// What a resource of ours is to the context's run, by the run that made it; none made what was adopted.
pub(super) fn provenance(made_by: Option<RunId>, context: &StepContext) -> Provenance {
    match made_by {
        Some(run) if run == context.owner.run => Provenance::Created,
        None if context.adopt => Provenance::Adopted,
        _ => Provenance::Existing,
    }
}
