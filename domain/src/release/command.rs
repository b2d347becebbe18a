//! What can be asked of a release.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{ReleaseImage, ReleaseKey, Waiver, WaiverId};
use crate::{ComponentName, RunId, Subject};

/// What can be asked of a release.
#[derive(Debug, Clone)]
pub enum ReleaseCommand {
    /// `RegisterRelease`: images of a version. The same again changes nothing; more components, and more authors, may
    /// follow until the release is sealed, which it is by itself once it has an image of each of the service's components.
    /// Of a service that is gone nothing is left: the version is registered anew for one made under its name.
    Register {
        /// Which.
        key: ReleaseKey,
        /// Images, at least one.
        images: Vec<ReleaseImage>,
        /// Who wrote what is in it.
        author: Subject,
        /// Who else did.
        co_authors: BTreeSet<Subject>,
        /// The components that the service has now.
        components: Vec<ComponentName>,
        /// Which of the services that had the name one after the other: by the run that made it.
        incarnation: Option<RunId>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// `SealRelease`: it has all the images that it will have. Components without one keep what they run.
    Seal {
        /// Which (for messages).
        key: ReleaseKey,
    },
    /// `GrantWaiver`. The same again changes nothing.
    GrantWaiver {
        /// Of which release (for messages).
        key: ReleaseKey,
        /// What.
        waiver: Waiver,
        /// Now.
        at: DateTime<Utc>,
    },
    /// `RevokeWaiver`.
    RevokeWaiver {
        /// Of which release (for messages).
        key: ReleaseKey,
        /// Which.
        waiver: WaiverId,
        /// Why.
        reason: String,
    },
}
