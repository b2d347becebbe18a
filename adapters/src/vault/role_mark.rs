//! The ownership mark of an auth role: the name of a policy that does not exist, among its token policies.
//!
//! A role has no field for text. A policy's name that nobody defines grants nothing, is written by the call that makes
//! the role, and shows in each token's policies which run made its role.

use opstella_domain::RunId;
use opstella_domain::resource::Provenance;

use crate::{Removal, StepContext};

const RUN: &str = "opstella-run-";
/// Of a role that was there and was adopted; the run that adopted it follows.
const ADOPTED: &str = "opstella-adopted-";

/// How a role came to be ours. The role's name says whose it is: no two services' roles share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// A run made it.
    Run(RunId),
    /// It was there and was adopted; by which run, if it is known.
    Adopted(Option<RunId>),
}

impl Maker {
    /// By the policies of the role; none if it is somebody else's, whatever else they say: our policy may be among
    /// those that somebody gave a role by hand.
    pub(super) fn of(policies: &[String]) -> Option<Self> {
        if let Some(run) = policies.iter().find_map(|name| name.strip_prefix(ADOPTED)) {
            return Some(Self::Adopted(run.parse().ok()));
        }
        let run = |name: &String| name.strip_prefix(RUN)?.parse().ok();
        policies.iter().find_map(run).map(Self::Run)
    }

    /// The mark of a role.
    pub(super) fn mark(self) -> String {
        match self {
            Self::Run(run) => format!("{RUN}{run}"),
            Self::Adopted(by) => format!("{ADOPTED}{}", by.map(|run| run.to_string()).unwrap_or_default()),
        }
    }

    /// What a resource of ours is to the context's run.
    pub(super) fn provenance(self, context: &StepContext) -> Provenance {
        let run = context.owner.run;
        match self {
            Self::Run(by) if by == run => Provenance::Created,
            Self::Adopted(Some(by)) if by == run => Provenance::Adopted,
            _ => Provenance::Existing,
        }
    }

    /// Whether the removal takes it.
    pub(super) fn goes(self, context: &StepContext) -> bool {
        match (self, context.removal) {
            (Self::Run(run), Removal::ThisRun) => run == context.owner.run,
            (Self::Run(_), Removal::Service) => true,
            (Self::Adopted(_), _) => false,
        }
    }

    /// Whether the removal takes the mark off it, since it was adopted and stays.
    pub(super) fn comes_off(self, context: &StepContext) -> bool {
        match (self, context.removal) {
            (Self::Adopted(by), Removal::ThisRun) => by == Some(context.owner.run),
            (Self::Adopted(_), Removal::Service) => true,
            (Self::Run(_), _) => false,
        }
    }
}
