use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place in the order of all events: the transaction that wrote one, and its number within the table.
///
/// Written as `123-456`, and so in JSON too: JavaScript's numbers could not hold the halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// PostgreSQL's 64-bit transaction id: never reused, not even after a wraparound of the 32-bit ones.
    pub transaction_id: u64,
    /// The identity value of the event, which orders the events of one transaction.
    pub position: i64,
}

impl Position {
    /// Before the first event.
    pub const START: Position = Position {
        transaction_id: 0,
        position: 0,
    };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.transaction_id, self.position)
    }
}

/// A text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a position looks like 123-456 (transaction id, position); got {given:?}")]
pub struct ParsePositionError {
    given: String,
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('-')
            .filter(|(left, right)| digits(left) && digits(right))
            .and_then(|(left, right)| {
                Some(Position {
                    transaction_id: left.parse().ok()?,
                    position: right.parse().ok()?,
                })
            })
            .ok_or_else(|| ParsePositionError {
                given: text.chars().take(64).collect(),
            })
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_read_back_as_written(transaction_id: u64, position in 0..=i64::MAX) {
            let given = Position { transaction_id, position };
            prop_assert_eq!(given.to_string().parse::<Position>(), Ok(given));
            let json = serde_json::to_string(&given).unwrap();
            prop_assert_eq!(serde_json::from_str::<Position>(&json).unwrap(), given);
        }

        #[test]
        fn never_panics_on_any_text(text: String) {
            let _ = text.parse::<Position>();
        }
    }

    #[test]
    fn refuses_what_is_no_position() {
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "+1-1",
            "1-+1",
            "1--1",
            "1-2-3",
            "a-b",
            "18446744073709551616-1",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn orders_by_transaction_first() {
        let at = |transaction_id, position| Position {
            transaction_id,
            position,
        };
        assert!(at(1, 9) < at(2, 1) && at(2, 1) < at(2, 2) && Position::START < at(1, 1));
    }
}
