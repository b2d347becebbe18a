//! What can be asked of a subscription.

use chrono::{DateTime, Utc};

use super::{DeliveryId, Settings, SubscriptionKey};

/// What can be asked of a subscription.
#[derive(Debug, Clone)]
pub enum SubscriptionCommand {
    /// `CreateSubscription`.
    Create {
        /// Which.
        key: SubscriptionKey,
        /// Where to, and what.
        settings: Settings,
        /// Whether this installation lets receivers be without TLS.
        plain_http: bool,
    },
    /// `ChangeSubscription`. The same again changes nothing.
    Change {
        /// Which.
        key: SubscriptionKey,
        /// Where to, and what, from now on.
        settings: Settings,
        /// Whether this installation lets receivers be without TLS.
        plain_http: bool,
    },
    /// `EnableSubscription`. Of an enabled one: nothing.
    Enable {
        /// Which.
        key: SubscriptionKey,
    },
    /// `DisableSubscription`. Of a disabled one: nothing.
    Disable {
        /// Which.
        key: SubscriptionKey,
        /// Why.
        reason: String,
    },
    /// `RotateSubscriptionSecret`: from now on another secret signs.
    RotateSecret {
        /// Which.
        key: SubscriptionKey,
        /// Now.
        at: DateTime<Utc>,
        /// How long the present secret signs as well, in hours.
        overlap_hours: u32,
    },
    /// `PingSubscription`: the receiver is told of that alone, whatever it subscribed to.
    Ping {
        /// Which.
        key: SubscriptionKey,
    },
    /// `ReplayDeadLetter` and `ReplayDeadLetters`: what could not be delivered is tried again.
    Replay {
        /// Which.
        key: SubscriptionKey,
        /// What; all of them where absent.
        delivery: Option<DeliveryId>,
    },
    /// `DeleteSubscription`.
    Delete {
        /// Which.
        key: SubscriptionKey,
    },
}

impl SubscriptionCommand {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "CreateSubscription",
            Self::Change { .. } => "ChangeSubscription",
            Self::Enable { .. } => "EnableSubscription",
            Self::Disable { .. } => "DisableSubscription",
            Self::RotateSecret { .. } => "RotateSubscriptionSecret",
            Self::Ping { .. } => "PingSubscription",
            Self::Replay {
                delivery: Some(_), ..
            } => "ReplayDeadLetter",
            Self::Replay { delivery: None, .. } => "ReplayDeadLetters",
            Self::Delete { .. } => "DeleteSubscription",
        }
    }

    /// The subscription that it is about.
    pub fn key(&self) -> &SubscriptionKey {
        match self {
            Self::Create { key, .. }
            | Self::Change { key, .. }
            | Self::Enable { key }
            | Self::Disable { key, .. }
            | Self::RotateSecret { key, .. }
            | Self::Ping { key }
            | Self::Replay { key, .. }
            | Self::Delete { key } => key,
        }
    }
}
