//! What happens to a release.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Commit, Digest, ReleaseKey, Waiver, WaiverId};
use crate::{ComponentName, RunId, Subject};

/// The image of one component, as its pipeline built it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseImage {
    /// Of which component.
    pub component: ComponentName,
    /// Which image.
    pub digest: Digest,
    /// From which commit.
    pub commit: Commit,
    /// When that was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<DateTime<Utc>>,
    /// By which pipeline: a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
}

/// What happened to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum ReleaseEvent {
    /// A pipeline registered images of a version. What there was of a service before of the same name counts no more.
    ReleaseRegistered {
        /// Which.
        key: ReleaseKey,
        /// Its images so far.
        images: Vec<ReleaseImage>,
        /// Who wrote what is in it.
        author: Subject,
        /// Who else did.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        co_authors: BTreeSet<Subject>,
        /// Which of the services that had the name one after the other: by the run that made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incarnation: Option<RunId>,
    },
    /// Another pipeline added images; or the same ones were registered once more, with authors that were not named before:
    /// then there are no images.
    ReleaseImagesAdded {
        /// Which.
        images: Vec<ReleaseImage>,
        /// Who wrote what is in them.
        author: Subject,
        /// Who else did.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        co_authors: BTreeSet<Subject>,
    },
    /// It never changes from here on.
    ReleaseSealed {
        /// Which.
        key: ReleaseKey,
    },
    /// A gate is waived for it, for a while.
    WaiverGranted {
        /// What.
        waiver: Waiver,
    },
    /// A waiver counts no more.
    WaiverRevoked {
        /// Which.
        waiver: WaiverId,
        /// Why.
        reason: String,
    },
}
