//! Subscriptions.

use opstella_domain::subscription::{Settings, SubscriptionEvent};

use crate::fits::check;
use crate::support::at;

#[test]
fn subscription_events_fit() {
    let settings = || Settings {
        url: "https://chat.example/hooks/1".parse().unwrap(),
        events: ["Environment.PromotionCompleted", "Run.*"]
            .map(|pattern| pattern.parse().unwrap())
            .into(),
    };
    let created = |key: &str| SubscriptionEvent::SubscriptionCreated {
        key: key.parse().unwrap(),
        settings: settings(),
        secret: 1,
    };
    let replayed = |delivery: Option<&str>| SubscriptionEvent::DeadLettersReplayed {
        delivery: delivery.map(|id| id.parse().unwrap()),
    };
    check(
        "Subscription",
        vec![
            created("chat"),
            created("payments/chat"),
            SubscriptionEvent::SubscriptionChanged { settings: settings() },
            SubscriptionEvent::SubscriptionEnabled {},
            SubscriptionEvent::SubscriptionDisabled {
                reason: "it answered 410 Gone".into(),
            },
            SubscriptionEvent::SubscriptionSecretRotated {
                secret: 2,
                previous_until: at(),
            },
            SubscriptionEvent::SubscriptionPinged {},
            replayed(None),
            replayed(Some("1234-56")),
            SubscriptionEvent::SubscriptionDeleted {
                key: "payments/chat".parse().unwrap(),
            },
        ],
    );
}
