//! What ran in an environment, for those who looked at it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::aggregate::MAX_HISTORY;
use super::{Health, Promotion, ServiceEnvironment};
use crate::ComponentName;
use crate::policy::{Running, RunningImage};
use crate::release::Digest;

/// A time in which something else may have run than the history says: a deployment, also one that did not succeed, or
/// what was changed by hand until it was put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub to: DateTime<Utc>,
}

impl ServiceEnvironment {
    /// What runs here, as the gates of the environment after this one look at it.
    pub fn running(&self) -> Option<Running> {
        let current = self.current.as_ref()?;
        let image = |(component, digest): (&ComponentName, &Digest)| {
            let came = self.history.iter().rev();
            let with_it = came.take_while(|d| d.images.get(component) == Some(digest));
            let since = with_it.last().map_or(current.since, |d| d.since);
            let digest = digest.clone();
            (component.clone(), RunningImage { digest, since })
        };
        Some(Running {
            release: current.release.clone(),
            since: current.since,
            healthy: current.health == Health::Healthy && self.drift.is_none(),
            well_since: self.well_since,
            images: current.images.iter().map(image).collect(),
        })
    }

    /// The images that ran here all of the time between two instants, as far as is remembered; nothing, where a
    /// deployment or a change by hand came between. Components that are still changed by hand are left out.
    pub fn ran_through(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeMap<ComponentName, Digest> {
        let deploys = self.in_flight.as_ref().is_some_and(|p| is_deploying(p, to));
        let unsettled = self.unsettled.iter().any(|u| u.from <= to && u.to > from);
        let came = |since: DateTime<Utc>| since > from && since <= to;
        if deploys || unsettled || self.history.iter().any(|d| came(d.since)) {
            return BTreeMap::new();
        }
        let Some(deployment) = self.history.iter().rev().find(|d| d.since <= from) else {
            return BTreeMap::new();
        };
        let mut images = deployment.images.clone();
        if let Some(drift) = self.drift.as_ref().filter(|drift| drift.since <= to) {
            images.retain(|name, _| !drift.found.contains_key(name));
        }
        images
    }

    /// Remembers that it is not certain what ran.
    pub(super) fn was_unsettled(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) {
        self.unsettled.push_back(Unsettled { from, to });
        if self.unsettled.len() > MAX_HISTORY {
            self.unsettled.pop_front();
        }
    }
}

/// Whether a promotion had begun to deploy by then; of before that was recorded, we do not know, and it may.
fn is_deploying(promotion: &Promotion, by: DateTime<Utc>) -> bool {
    promotion.run.is_some() && promotion.deploying_since.is_none_or(|since| since <= by)
}
