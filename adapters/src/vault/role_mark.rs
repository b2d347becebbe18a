//! The ownership mark of an auth role: the name of a policy that does not exist, among its token policies.
//!
//! A role has no field for text. A policy's name that nobody defines grants nothing, is written by the call that makes
//! the role, and shows in each token's policies which run made its role: `opstella-7c9e…-run-0190…`. One name says which
//! Opstella and which run, so that no role can have half a mark.

use opstella_domain::operation::Owner;
use opstella_domain::resource::Provenance;
use opstella_domain::{InstallationId, RunId};

use crate::{Removal, StepContext};

/// Before the installation.
const OPSTELLA: &str = "opstella-";
/// After it, before the run that made the role.
const RUN: &str = "-run-";
/// After it, of a role that was there and was adopted; the run that adopted it follows.
const ADOPTED: &str = "-adopted-";
/// Characters of a UUID.
const ID: usize = 36;

/// How a role came to be ours. The role's name says which service's it is: no two services' roles share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// A run made it.
    Run(RunId),
    /// It was there and was adopted; by which run, if it is known.
    Adopted(Option<RunId>),
}

/// The marks among the policies of a role.
fn marks(policies: &[String]) -> impl Iterator<Item = (InstallationId, Maker)> {
    policies.iter().filter_map(|name| {
        let (installation, how) = name.strip_prefix(OPSTELLA)?.split_at_checked(ID)?;
        let maker = match how.strip_prefix(ADOPTED) {
            Some(run) => Maker::Adopted(run.parse().ok()),
            None => Maker::Run(how.strip_prefix(RUN)?.parse().ok()?),
        };
        Some((installation.parse().ok()?, maker))
    })
}

/// Which other installation than the owner's a role is marked by, if by one.
pub(super) fn of_another(policies: &[String], owner: &Owner) -> Option<InstallationId> {
    let mut installations = marks(policies).map(|(installation, _)| installation);
    installations.find(|installation| *installation != owner.installation)
}

impl Maker {
    /// By the policies of the role; none if it is somebody else's, whatever else they say: our policy may be among
    /// those that somebody gave a role by hand. One that another installation marked as well is not ours.
    pub(super) fn of(policies: &[String], owner: &Owner) -> Option<Self> {
        if of_another(policies, owner).is_some() {
            return None;
        }
        let makers = || marks(policies).map(|(_, maker)| maker);
        let adopted = makers().find(|maker| matches!(maker, Self::Adopted(_)));
        adopted.or_else(|| makers().next())
    }

    /// The mark of a role of that installation.
    pub(super) fn mark(self, installation: InstallationId) -> String {
        let (how, run) = match self {
            Self::Run(run) => (RUN, Some(run)),
            Self::Adopted(by) => (ADOPTED, by),
        };
        let run = run.map(|run| run.to_string()).unwrap_or_default();
        format!("{OPSTELLA}{installation}{how}{run}")
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_mark_is_found_by_its_own_installation_only() {
        let [ours, theirs] = [1, 2].map(|number| Owner {
            installation: InstallationId(Uuid::from_u128(number)),
            service: "payments/checkout".parse().unwrap(),
            run: RunId(Uuid::from_u128(9)),
        });
        for maker in [
            Maker::Run(ours.run),
            Maker::Adopted(Some(ours.run)),
            Maker::Adopted(None),
        ] {
            let mark = maker.mark(ours.installation);
            let policies = ["payments".to_owned(), mark.clone()];
            assert_eq!(Maker::of(&policies, &ours), Some(maker));
            assert_eq!(of_another(&policies, &ours), None);
            assert_eq!(Maker::of(&policies, &theirs), None);
            assert_eq!(of_another(&policies, &theirs), Some(ours.installation));
            let both = [maker.mark(theirs.installation), mark];
            assert_eq!(Maker::of(&both, &ours), None);
        }
        for other in ["opstella-run-x", "opstella-", "opstella-admins", "opstella-ü"] {
            assert_eq!(Maker::of(&[other.to_owned()], &ours), None);
        }
    }
}
