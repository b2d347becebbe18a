//! The ownership mark of a KV entry: custom metadata.

use std::collections::BTreeMap;

use opstella_domain::operation::Owner;
use opstella_domain::{InstallationId, RunId};

use super::role_mark::Maker;

const MANAGED_BY: &str = "managed_by";
const OPSTELLA: &str = "opstella";
/// Which Opstella's it is.
const INSTALLATION: &str = "installation";
/// Whose service's it is there.
const OWNER: &str = "owner";
const RUN: &str = "run";
const ADOPTED_BY: &str = "adopted_by";

/// Custom metadata of an entry.
pub(super) type Custom = BTreeMap<String, String>;

/// The mark of an entry that a run of ours makes.
pub(super) fn of(owner: &Owner) -> Custom {
    let mut custom = adopted(&Custom::new(), owner);
    custom.remove(ADOPTED_BY);
    custom.insert(RUN.into(), owner.run.to_string());
    custom
}

/// What is there, and that it is ours now; made by no run, so that none deletes it.
pub(super) fn adopted(there: &Custom, owner: &Owner) -> Custom {
    let mut custom = there.clone();
    custom.insert(MANAGED_BY.into(), OPSTELLA.into());
    custom.insert(INSTALLATION.into(), owner.installation.to_string());
    custom.insert(OWNER.into(), owner.service.to_string());
    custom.insert(ADOPTED_BY.into(), owner.run.to_string());
    custom.remove(RUN);
    custom
}

/// What is there without our mark.
pub(super) fn given_back(there: &Custom) -> Custom {
    let mut custom = there.clone();
    for key in [MANAGED_BY, INSTALLATION, OWNER, ADOPTED_BY] {
        custom.remove(key);
    }
    custom
}

/// The installation of Opstella that made or adopted it, for whichever service.
fn installation(custom: &Custom) -> Option<InstallationId> {
    custom.get(MANAGED_BY).filter(|by| *by == OPSTELLA)?;
    custom.get(INSTALLATION)?.parse().ok()
}

/// Whether it is the owner's service's.
pub(super) fn is_of_service(custom: &Custom, owner: &Owner) -> bool {
    let service = owner.service.to_string();
    installation(custom) == Some(owner.installation) && custom.get(OWNER) == Some(&service)
}

/// Which other installation than the owner's manages it, if one does.
pub(super) fn of_another(custom: &Custom, owner: &Owner) -> Option<InstallationId> {
    installation(custom).filter(|installation| *installation != owner.installation)
}

/// Who made an entry of ours.
pub(super) fn maker(custom: &Custom) -> Maker {
    let run = |key| custom.get(key).and_then(|run| run.parse::<RunId>().ok());
    run(RUN).map_or(Maker::Adopted(run(ADOPTED_BY)), Maker::Run)
}
