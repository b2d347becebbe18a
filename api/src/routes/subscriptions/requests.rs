//! Bodies of commands on subscriptions.

use std::collections::BTreeSet;

use opstella_domain::SubscriptionName;
use opstella_domain::subscription::{EventPattern, ReceiverUrl};
use serde::Deserialize;
use utoipa::ToSchema;

/// A receiver, and what it is to be told of.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "chat", "url": "https://chat.example.com/hooks/opstella",
    "events": ["Environment.PromotionCompleted", "Run.RunStuck"]}))]
pub struct CreateSubscriptionRequest {
    /// Its name, within the project or the platform.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub name: SubscriptionName,
    /// Where the receiver is: https, without user, password, query and fragment. It is no secret.
    #[schema(value_type = String, format = Uri, max_length = 2048)]
    pub url: ReceiverUrl,
    /// Events by type; `*` stands for any aggregate, or any event of it: `Run.*`, `*.PromotionFailed`, `*`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 50)]
    pub events: BTreeSet<EventPattern>,
}

/// Where a receiver is from now on, and what it is told of.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://chat.example.com/hooks/other", "events": ["Environment.*"]}))]
pub struct ChangeSubscriptionRequest {
    /// Where the receiver is: https, without user, password, query and fragment. It is no secret.
    #[schema(value_type = String, format = Uri, max_length = 2048)]
    pub url: ReceiverUrl,
    /// Events by type; `*` stands for any aggregate, or any event of it: `Run.*`, `*.PromotionFailed`, `*`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 50)]
    pub events: BTreeSet<EventPattern>,
}

/// How long two secrets sign.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_hours": 24}))]
pub struct RotateSecretRequest {
    /// How long the present secret signs beside the new one, in hours; 0 where it has become known to others.
    #[serde(default = "a_day")]
    #[schema(minimum = 0, maximum = 168, default = 24)]
    pub overlap_hours: u32,
}

fn a_day() -> u32 {
    24
}
