//! Subscriptions: who is told of which events, by webhook.
//!
//! Whether and when each event was delivered is no part of the aggregate: that is the notifier's bookkeeping.

mod aggregate;
mod command;
mod event;
mod ids;
mod pattern;
mod url;

pub use aggregate::Subscription;
pub use command::SubscriptionCommand;
pub use event::SubscriptionEvent;
pub use ids::{DeliveryId, SubscriptionKey};
pub use pattern::{EventPattern, TYPE_PREFIX};
pub use url::ReceiverUrl;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most patterns of one subscription.
pub const MOST_PATTERNS: usize = 50;
/// Longest time that the secret before a rotation signs as well, in hours.
pub const LONGEST_OVERLAP: u32 = 168;

/// Where a subscription's events go, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Where to.
    pub url: ReceiverUrl,
    /// Which events: each that one of these matches.
    pub events: BTreeSet<EventPattern>,
}
