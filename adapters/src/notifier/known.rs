//! The subscriptions that the feed knows, and who of them wants what.

use std::collections::BTreeMap;

use opstella_commands::concern_of;
use opstella_domain::subscription::{DeliveryId, Subscription, SubscriptionEvent, SubscriptionKey};
use opstella_domain::{Decide, ProjectSlug};
use opstella_journal::{Journal, JournalError, Position, RecordedEvent};

use super::{cloud_event, notes};

/// One of them.
pub(super) struct Known {
    pub key: SubscriptionKey,
    pub state: Subscription,
    /// Events of its own stream up to here are in the state.
    pub version: u64,
    /// Where it stands, if that is behind the others.
    pub behind: Option<Position>,
}

/// All of them, by the text of their keys.
pub(super) type AllKnown = BTreeMap<String, Known>;

/// An event that a subscription is to be told of.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    pub subscription: String,
    pub position: Position,
    pub event_type: String,
    pub subject: String,
}

/// What an event of a subscription's own means for its deliveries.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// It is there, and enabled; nothing waits for it.
    Created,
    /// It is to be tried at once: enabled again, or elsewhere.
    Enabled,
    Moved,
    Disabled,
    Replayed(Option<DeliveryId>),
    Deleted,
}

impl Known {
    /// One as it was where the journal was followed to: what happened to it since is still to be followed, and judges
    /// the events before it no sooner.
    pub async fn load(
        journal: &Journal,
        id: &str,
        lead: Position,
        behind: Option<Position>,
    ) -> Result<Option<Self>, JournalError> {
        let Ok(key) = id.parse() else {
            tracing::error!(subscription = id, "a stream is named by no subscription's key");
            return Ok(None);
        };
        let version = notes::version_at(journal.pool(), id, lead).await?;
        let loaded = journal.load_up_to_version::<Subscription>(id, version).await?;
        Ok(Some(Self {
            key,
            state: (*loaded.state).clone(),
            version: loaded.version,
            behind,
        }))
    }

    fn wants(&self, event: &RecordedEvent) -> bool {
        self.state.is_active() && self.state.wants(&event.aggregate_type, &event.event_type)
    }
}

impl Queued {
    pub fn new(subscription: &str, event: &RecordedEvent) -> Self {
        Self {
            subscription: subscription.to_owned(),
            position: event.position,
            event_type: cloud_event::type_of(event),
            subject: event.aggregate_id.clone(),
        }
    }
}

/// Folds an event of a subscription in; what it means for deliveries.
pub(super) fn note(all: &mut AllKnown, recorded: &RecordedEvent) -> Option<Change> {
    use SubscriptionEvent as E;
    let id = recorded.aggregate_id.clone();
    let (key, event) = match (id.parse::<SubscriptionKey>(), recorded.payload_as::<E>()) {
        (Ok(key), Ok(event)) => (key, event),
        (key, event) => {
            let cause = event.err().map(|error| error.to_string());
            tracing::error!(
                subscription = id,
                key = key.is_ok(),
                cause,
                "an event of a subscription is passed over"
            );
            return None;
        }
    };
    let change = match &event {
        E::SubscriptionCreated { .. } => Some(Change::Created),
        E::SubscriptionChanged { .. } => Some(Change::Moved),
        E::SubscriptionEnabled {} => Some(Change::Enabled),
        E::SubscriptionDisabled { .. } => Some(Change::Disabled),
        E::DeadLettersReplayed { delivery } => Some(Change::Replayed(delivery.clone())),
        E::SubscriptionDeleted { .. } => Some(Change::Deleted),
        E::SubscriptionSecretRotated { .. } | E::SubscriptionPinged {} => None,
    };
    let known = all.entry(id).or_insert_with(|| Known {
        key,
        state: Subscription::default(),
        version: 0,
        behind: None,
    });
    if known.version < recorded.sequence {
        known.state.evolve(event);
        known.version = recorded.sequence;
    }
    if matches!(change, Some(Change::Created | Change::Enabled)) {
        known.behind = None;
    }
    change
}

/// Those that an event is for, of those that `among` lets pass.
pub(super) async fn wanting(
    journal: &Journal,
    all: &AllKnown,
    event: &RecordedEvent,
    among: impl Fn(&Known) -> bool,
) -> Result<Vec<Queued>, JournalError> {
    let mut project: Option<Option<ProjectSlug>> = None;
    let mut wanting = Vec::new();
    let of_subscription = event.aggregate_type == <Subscription as Decide>::TYPE;
    for (id, known) in all {
        let own = of_subscription && event.aggregate_id == *id;
        if own && event.event_type == "SubscriptionPinged" {
            wanting.push(Queued::new(id, event));
            continue;
        }
        // That it was made its receiver knows.
        if own && event.event_type == "SubscriptionCreated" || !among(known) || !known.wants(event) {
            continue;
        }
        if let Some(whose) = &known.key.project {
            let of = match &project {
                Some(of) => of,
                None => project.insert(concern_of(journal, event).await?.project),
            };
            if of.as_ref() != Some(whose) {
                continue;
            }
        }
        wanting.push(Queued::new(id, event));
    }
    Ok(wanting)
}
