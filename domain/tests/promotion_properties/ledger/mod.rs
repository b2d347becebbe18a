//! What an observer writes down of an environment: from the events alone, in the observer's own way.

mod write;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use opstella_domain::policy::{ApproverRole, HeldFreeze};
use opstella_domain::promotion::{PromotionId, PromotionKind};
use opstella_domain::release::{Digest, ReleaseVersion};
use opstella_domain::{ComponentName, RunId, Subject};

use crate::oracle::Gate;

pub use write::Seen;

pub type Images = BTreeMap<ComponentName, Digest>;

/// What approvals rest on: versions of policies, images, the gates that do not change by themselves, and the reports that
/// failed among those that these looked at.
pub type Basis = (u32, u32, Images, BTreeMap<&'static str, Gate>, BTreeSet<String>);

/// Somebody's yes.
pub struct Yes {
    pub by: Subject,
    /// Under which name.
    pub name: Option<String>,
    pub roles: BTreeSet<ApproverRole>,
    pub by_token: BTreeSet<ApproverRole>,
    pub rests_on: Basis,
}

/// Who breaks the glass, when the first one asked, and of which freezes.
#[derive(Default)]
pub struct Glass {
    pub people: Vec<Subject>,
    pub asked_at: Option<DateTime<Utc>>,
    pub freezes: Vec<HeldFreeze>,
}

/// A promotion that is not over.
pub struct Asked {
    pub id: PromotionId,
    pub kind: PromotionKind,
    pub release: ReleaseVersion,
    pub images: Images,
    pub requester: Subject,
    pub authors: BTreeSet<Subject>,
    pub change: bool,
    pub approvals: Vec<Yes>,
    /// What the gates said when they were last looked at.
    pub seen: Option<Basis>,
    pub glass: Glass,
    pub run: Option<RunId>,
}

/// A release that came.
pub struct Came {
    pub release: ReleaseVersion,
    /// All that ran then.
    pub images: Images,
    pub at: DateTime<Utc>,
}

#[derive(Default)]
pub struct Ledger {
    pub flying: Option<Asked>,
    pub queue: VecDeque<Asked>,
    pub came: Vec<Came>,
    pub healthy: bool,
    pub drifted: bool,
    /// When it recovered, or was put right, last.
    pub well_since: Option<DateTime<Utc>>,
    /// Components of which an operator gave up on bringing back what ran before.
    pub torn: BTreeSet<ComponentName>,
    /// How many went back, well.
    pub went_back: usize,
}

impl Ledger {
    pub fn ran(&self, release: &ReleaseVersion) -> Option<&Came> {
        self.came.iter().rev().find(|came| &came.release == release)
    }

    /// Whether a release came here for the first time before the one did that runs.
    pub fn goes_back(&self, release: &ReleaseVersion) -> bool {
        let first = |release| self.came.iter().position(|came| &came.release == release);
        let runs = self.came.last().map(|came| &came.release);
        runs.is_some_and(|runs| first(release) < first(runs))
    }

    /// Since when all of these run here, by whichever releases.
    pub fn runs(&self, images: &Images) -> Option<DateTime<Utc>> {
        let has_all = |came: &Came| {
            images
                .iter()
                .all(|(c, digest)| came.images.get(c) == Some(digest))
        };
        let having = self.came.iter().rev().take_while(|came| has_all(came));
        having.last().map(|came| came.at)
    }

    /// All that are not over.
    pub fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.flying.iter().chain(&self.queue)
    }

    fn find(&mut self, id: PromotionId) -> &mut Asked {
        let mut all = self.flying.iter_mut().chain(&mut self.queue);
        all.find(|asked| asked.id == id)
            .expect("a promotion that is not over")
    }

    fn over(&mut self, id: PromotionId) -> Asked {
        if self.flying.as_ref().is_some_and(|asked| asked.id == id) {
            return self.flying.take().unwrap();
        }
        let place = self.queue.iter().position(|asked| asked.id == id);
        self.queue
            .remove(place.expect("a promotion that is not over"))
            .unwrap()
    }
}
