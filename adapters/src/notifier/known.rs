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
    pub behind: Option<Behind>,
}

/// Where one stands that has not been told of everything yet.
#[derive(Clone)]
pub(super) struct Behind {
    /// Up to here everything was queued.
    pub at: Position,
    /// As it was there: what it wanted then judges what happened then.
    pub state: Subscription,
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
    Pinged,
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
        let (state, version) = notes::state_at(journal, id, lead).await?;
        let behind = match behind {
            Some(at) => Some(Behind::load(journal, id, at).await?),
            None => None,
        };
        Ok(Some(Self {
            key,
            state,
            version,
            behind,
        }))
    }
}

impl Behind {
    /// One that stands there.
    pub async fn load(journal: &Journal, id: &str, at: Position) -> Result<Self, JournalError> {
        let (state, _) = notes::state_at(journal, id, at).await?;
        Ok(Self { at, state })
    }

    /// Folds an event in, where it is the subscription's own.
    pub fn pass(&mut self, id: &str, event: &RecordedEvent) {
        if event.aggregate_type == <Subscription as Decide>::TYPE
            && event.aggregate_id == id
            && let Ok(event) = event.payload_as()
        {
            self.state.evolve(event);
        }
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
        E::SubscriptionPinged {} => Some(Change::Pinged),
        E::SubscriptionSecretRotated { .. } => None,
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

/// Whom an event is for. Which project it concerns is found out once, and only where somebody asks.
pub(super) struct Addressed<'a> {
    journal: &'a Journal,
    event: &'a RecordedEvent,
    project: Option<Option<ProjectSlug>>,
}

impl<'a> Addressed<'a> {
    pub fn new(journal: &'a Journal, event: &'a RecordedEvent) -> Self {
        Self {
            journal,
            event,
            project: None,
        }
    }

    /// Whether a subscription in this state is to be told of it.
    pub async fn is_for(
        &mut self,
        key: &SubscriptionKey,
        state: &Subscription,
    ) -> Result<bool, JournalError> {
        let event = self.event;
        let own = event.aggregate_type == <Subscription as Decide>::TYPE
            && event
                .aggregate_id
                .parse()
                .is_ok_and(|id: SubscriptionKey| id == *key);
        if own && event.event_type == "SubscriptionPinged" {
            return Ok(true);
        }
        // That it was made its receiver knows.
        let made = own && event.event_type == "SubscriptionCreated";
        if made || !state.is_active() || !state.wants(&event.aggregate_type, &event.event_type) {
            return Ok(false);
        }
        let Some(whose) = &key.project else {
            return Ok(true);
        };
        let of = match &self.project {
            Some(of) => of,
            None => {
                let concern = concern_of(self.journal, event).await?;
                self.project.insert(concern.project)
            }
        };
        Ok(of.as_ref() == Some(whose))
    }
}

/// Those that an event is for, of those that do not stand behind; and whom it pings.
pub(super) async fn wanting(
    journal: &Journal,
    all: &AllKnown,
    event: &RecordedEvent,
) -> Result<Vec<Queued>, JournalError> {
    let mut addressed = Addressed::new(journal, event);
    let mut wanting = Vec::new();
    for (id, known) in all {
        let pinged = event.event_type == "SubscriptionPinged" && event.aggregate_id == *id;
        if (known.behind.is_none() || pinged) && addressed.is_for(&known.key, &known.state).await? {
            wanting.push(Queued::new(id, event));
        }
    }
    Ok(wanting)
}
