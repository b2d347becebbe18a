//! Which events a subscription wants.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::event_types;
use crate::values::text_value;
use crate::{DomainError, InvalidValue};

/// In front of the type of each CloudEvent; a pattern may be written with it.
pub const TYPE_PREFIX: &str = "opstella.";

/// Events by type: `Environment.PromotionCompleted`; `*` stands for any aggregate or any event of it: `Run.*`,
/// `*.PromotionFailed`. `*` alone is all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(
    #[schemars(
        length(min = 1, max = 121),
        regex(pattern = r"^(\*|(\*|[A-Za-z]+)\.(\*|[A-Za-z]+))$")
    )]
    String,
);

impl EventPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('.').unwrap_or(("*", "*"))
    }

    /// Whether it matches an event.
    pub fn matches(&self, aggregate_type: &str, event_type: &str) -> bool {
        let fits = |part: &str, given: &str| part == "*" || part == given;
        let (aggregate, event) = self.parts();
        fits(aggregate, aggregate_type) && fits(event, event_type)
    }

    /// Refuses what can match nothing: most likely a typing error.
    ///
    /// # Errors
    /// [`DomainError::Invalid`], with what there is.
    pub(super) fn check(&self, field: &str) -> Result<(), DomainError> {
        let (aggregate, event) = self.parts();
        let all = event_types();
        let wrong = |rule: String| Err(DomainError::invalid(field, rule));
        if aggregate != "*" && !all.contains_key(aggregate) {
            let known: Vec<_> = all.keys().copied().collect();
            return wrong(format!(
                "there are no events of {aggregate}; there are those of {}",
                known.join(", ")
            ));
        }
        let mut concerned = all
            .iter()
            .filter(|(name, _)| matches!(aggregate, "*") || **name == aggregate);
        if event == "*" || concerned.any(|(_, events)| events.contains(event)) {
            return Ok(());
        }
        wrong(format!(
            "there is no event {event} of {aggregate}; schema/events/ lists all"
        ))
    }
}

impl FromStr for EventPattern {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let bare = value.strip_prefix(TYPE_PREFIX).unwrap_or(value);
        let part = |part: &str| {
            part == "*" || ((1..=60).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()))
        };
        let fits = match bare.split_once('.') {
            Some((aggregate, event)) => part(aggregate) && part(event),
            None => bare == "*",
        };
        if !fits {
            let rule = "`*`, or a type of aggregate and an event of it such as Environment.PromotionCompleted, \
                        Run.* or *.PromotionFailed";
            return Err(InvalidValue::new("event pattern", value, rule));
        }
        Ok(Self(bare.to_owned()))
    }
}

text_value!(EventPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> EventPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_stands_for_any() {
        for (text, aggregate, event, fits) in [
            ("*", "Run", "RunStuck", true),
            ("*.*", "Run", "RunStuck", true),
            ("Run.*", "Run", "RunStuck", true),
            ("Run.*", "Service", "ServiceRequested", false),
            ("*.RunStuck", "Run", "RunStuck", true),
            ("Run.RunStuck", "Run", "RunStuck", true),
            ("Run.RunStuck", "Run", "RunFailed", false),
            ("opstella.Run.RunStuck", "Run", "RunStuck", true),
        ] {
            assert_eq!(
                pattern(text).matches(aggregate, event),
                fits,
                "{text} {aggregate} {event}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in [
            "",
            "Run",
            "Run.",
            ".RunStuck",
            "Run.Run*",
            "Run.a.b",
            "Run RunStuck",
            "**",
        ] {
            assert!(wrong.parse::<EventPattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_a_typing_error() {
        for fine in [
            "*",
            "Run.*",
            "*.RunStuck",
            "Environment.PromotionCompleted",
            "Subscription.*",
        ] {
            assert_eq!(pattern(fine).check("events"), Ok(()), "{fine}");
        }
        for (wrong, said) in [
            (
                "Environnement.*",
                "there are those of Access, Artifact, Environment",
            ),
            ("Run.RunStucked", "no event RunStucked of Run"),
            ("*.Nonsense", "no event Nonsense"),
            ("Project.RunStuck", "no event RunStuck of Project"),
        ] {
            let error = pattern(wrong).check("events").unwrap_err().to_string();
            assert!(error.starts_with("events: ") && error.contains(said), "{error}");
        }
    }
}
