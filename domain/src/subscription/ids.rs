//! Keys and ids of subscriptions and deliveries.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::SubscriptionName;
use crate::values::text_value;
use crate::{InvalidValue, ProjectSlug};

/// The natural key of a subscription: `chat` for the platform's, `payments/chat` for a project's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SubscriptionKey {
    /// Whose; the platform's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectSlug>,
    /// Its name there.
    pub name: SubscriptionName,
}

impl fmt::Display for SubscriptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.project {
            Some(project) => write!(f, "{project}/{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

impl FromStr for SubscriptionKey {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let (project, name) = match value.split_once('/') {
            Some((project, name)) => (Some(project.parse()?), name),
            None => (None, value),
        };
        Ok(Self {
            project,
            name: name.parse()?,
        })
    }
}

/// One event on its way to one receiver: the event's place in the order of all events, `1234-56`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId(#[schemars(length(min = 3, max = 39), regex(pattern = r"^[0-9]+-[0-9]+$"))] String);

impl DeliveryId {
    /// The halves: the transaction that wrote the event, and its number.
    pub fn halves(&self) -> (i64, i64) {
        let number = |text: &str| text.parse().unwrap_or_default();
        let (transaction, position) = self.0.split_once('-').unwrap_or_default();
        (number(transaction), number(position))
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && part.parse::<i64>().is_ok();
        match value.split_once('-') {
            Some((left, right)) if number(left) && number(right) => Ok(Self(value.to_owned())),
            _ => Err(InvalidValue::new(
                "delivery",
                value,
                "the place of an event such as 1234-56",
            )),
        }
    }
}

text_value!(DeliveryId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_as_written() {
        for text in ["chat", "payments/chat"] {
            let key: SubscriptionKey = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(key.project.is_some(), text.contains('/'));
        }
        for wrong in ["", "/chat", "payments/", "a/b/c", "Chat"] {
            assert!(wrong.parse::<SubscriptionKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn deliveries_are_places_of_events() {
        assert_eq!("12-3".parse::<DeliveryId>().unwrap().halves(), (12, 3));
        for wrong in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "+1-1",
            "1-2-3",
            "a-b",
            "9223372036854775808-1",
        ] {
            assert!(wrong.parse::<DeliveryId>().is_err(), "{wrong}");
        }
    }
}
