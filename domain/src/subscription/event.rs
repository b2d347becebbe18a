//! What happens to a subscription.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeliveryId, Settings, SubscriptionKey};

/// What happened to a subscription. No secret is in here: each has a number, and is derived from that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum SubscriptionEvent {
    /// It was made, and is told of what happens from here on.
    SubscriptionCreated {
        /// Which.
        key: SubscriptionKey,
        /// Where to, and what.
        settings: Settings,
        /// The number of the secret that signs.
        secret: u32,
    },
    /// It goes elsewhere, or is about other events.
    SubscriptionChanged {
        /// Where to, and what.
        settings: Settings,
    },
    /// It is told again of what happens from here on.
    SubscriptionEnabled {},
    /// It is told of nothing until it is enabled again.
    SubscriptionDisabled {
        /// Why.
        reason: String,
    },
    /// Another secret signs from here on.
    SubscriptionSecretRotated {
        /// Its number.
        secret: u32,
        /// Until when the one before signs as well.
        previous_until: DateTime<Utc>,
    },
    /// The receiver is told of this, whatever it subscribed to.
    SubscriptionPinged {},
    /// What could not be delivered is tried again.
    DeadLettersReplayed {
        /// What; all of them where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<DeliveryId>,
    },
    /// It is gone, with all that was waiting for it.
    SubscriptionDeleted {
        /// Which.
        key: SubscriptionKey,
    },
}
