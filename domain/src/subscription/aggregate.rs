//! The subscription as an aggregate.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    LONGEST_OVERLAP, MOST_PATTERNS, Settings, SubscriptionCommand, SubscriptionEvent, SubscriptionKey,
};
use crate::decide::aggregate;
use crate::{Decide, DomainError, reason};

/// What people call it.
const KIND: &str = "subscription";

/// The aggregate; its stream's id is the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Where to, and what; none before it was made and after it was deleted.
    pub settings: Option<Settings>,
    /// Why it is told of nothing, where that is so.
    pub disabled: Option<String>,
    /// The number of the secret that signs. No number is used twice under one key.
    pub secret: u32,
    /// Until when the secret before signs as well.
    pub previous_until: Option<DateTime<Utc>>,
}

impl Subscription {
    /// Whether it is there and is told of events.
    pub fn is_active(&self) -> bool {
        self.settings.is_some() && self.disabled.is_none()
    }

    /// Whether it wants an event of this type.
    pub fn wants(&self, aggregate_type: &str, event_type: &str) -> bool {
        self.settings.as_ref().is_some_and(|settings| {
            settings
                .events
                .iter()
                .any(|pattern| pattern.matches(aggregate_type, event_type))
        })
    }

    /// The numbers of the secrets that sign at an instant, the present one first.
    pub fn secrets_at(&self, now: DateTime<Utc>) -> Vec<u32> {
        let previous = self.previous_until.is_some_and(|until| now < until);
        let before = previous.then(|| self.secret.saturating_sub(1));
        std::iter::once(self.secret).chain(before).collect()
    }

    fn there(&self, key: &SubscriptionKey) -> Result<&Settings, DomainError> {
        self.settings.as_ref().ok_or_else(|| DomainError::NotFound {
            kind: KIND,
            id: key.to_string(),
        })
    }

    fn create(
        &self,
        key: SubscriptionKey,
        settings: Settings,
        plain_http: bool,
    ) -> Result<SubscriptionEvent, DomainError> {
        if self.settings.is_some() {
            return Err(DomainError::AlreadyExists {
                kind: KIND,
                id: key.to_string(),
            });
        }
        check(&settings, plain_http)?;
        Ok(SubscriptionEvent::SubscriptionCreated {
            key,
            settings,
            secret: self.secret + 1,
        })
    }

    fn change(
        &self,
        key: &SubscriptionKey,
        settings: Settings,
        plain_http: bool,
    ) -> Result<Option<SubscriptionEvent>, DomainError> {
        let present = self.there(key)?;
        check(&settings, plain_http)?;
        let other = *present != settings;
        Ok(other.then_some(SubscriptionEvent::SubscriptionChanged { settings }))
    }

    fn rotate(&self, at: DateTime<Utc>, overlap_hours: u32) -> Result<SubscriptionEvent, DomainError> {
        if overlap_hours > LONGEST_OVERLAP {
            let rule = format!("0 to {LONGEST_OVERLAP} hours");
            return Err(DomainError::invalid("overlap_hours", rule));
        }
        Ok(SubscriptionEvent::SubscriptionSecretRotated {
            secret: self.secret + 1,
            previous_until: at + TimeDelta::hours(overlap_hours.into()),
        })
    }

    fn ping(&self, key: &SubscriptionKey) -> Result<SubscriptionEvent, DomainError> {
        if self.disabled.is_some() {
            return Err(DomainError::WrongState {
                kind: KIND,
                id: key.to_string(),
                state: "disabled".to_owned(),
                command: "PingSubscription",
                accepts: vec!["EnableSubscription"],
            });
        }
        Ok(SubscriptionEvent::SubscriptionPinged {})
    }
}

fn check(settings: &Settings, plain_http: bool) -> Result<(), DomainError> {
    if !settings.url.is_https() && !plain_http {
        let rule = "an https URL; http only where notifications.allow_http is set";
        return Err(DomainError::invalid("url", rule));
    }
    if settings.events.is_empty() || settings.events.len() > MOST_PATTERNS {
        return Err(DomainError::invalid(
            "events",
            format!("1 to {MOST_PATTERNS} patterns"),
        ));
    }
    settings
        .events
        .iter()
        .enumerate()
        .try_for_each(|(index, pattern)| pattern.check(&format!("events[{index}]")))
}

impl Decide for Subscription {
    const TYPE: &'static str = "Subscription";
    type Command = SubscriptionCommand;
    type Event = SubscriptionEvent;

    fn decide(&self, command: SubscriptionCommand) -> Result<Vec<SubscriptionEvent>, DomainError> {
        use SubscriptionCommand as C;
        use SubscriptionEvent as E;
        let event = match command {
            C::Create {
                key,
                settings,
                plain_http,
            } => Some(self.create(key, settings, plain_http)?),
            C::Change {
                key,
                settings,
                plain_http,
            } => self.change(&key, settings, plain_http)?,
            C::Enable { key } => {
                self.there(&key)?;
                self.disabled.is_some().then_some(E::SubscriptionEnabled {})
            }
            C::Disable { key, reason } => {
                self.there(&key)?;
                reason::check("reason", &reason)?;
                let event = E::SubscriptionDisabled { reason };
                self.disabled.is_none().then_some(event)
            }
            C::RotateSecret {
                key,
                at,
                overlap_hours,
            } => {
                self.there(&key)?;
                Some(self.rotate(at, overlap_hours)?)
            }
            C::Ping { key } => {
                self.there(&key)?;
                Some(self.ping(&key)?)
            }
            C::Replay { key, delivery } => {
                self.there(&key)?;
                Some(E::DeadLettersReplayed { delivery })
            }
            C::Delete { key } => {
                self.there(&key)?;
                Some(E::SubscriptionDeleted { key })
            }
        };
        Ok(event.into_iter().collect())
    }

    fn evolve(&mut self, event: SubscriptionEvent) {
        use SubscriptionEvent as E;
        match event {
            E::SubscriptionCreated { settings, secret, .. } => {
                *self = Self {
                    settings: Some(settings),
                    secret,
                    ..Self::default()
                };
            }
            E::SubscriptionChanged { settings } => self.settings = Some(settings),
            E::SubscriptionEnabled {} => self.disabled = None,
            E::SubscriptionDisabled { reason } => self.disabled = Some(reason),
            E::SubscriptionSecretRotated {
                secret,
                previous_until,
            } => {
                self.secret = secret;
                self.previous_until = Some(previous_until);
            }
            E::SubscriptionPinged {} | E::DeadLettersReplayed { .. } => {}
            E::SubscriptionDeleted { .. } => {
                *self = Self {
                    secret: self.secret,
                    ..Self::default()
                };
            }
        }
    }
}

aggregate!(Subscription, SubscriptionEvent);
