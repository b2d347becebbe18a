//! Freeze windows: when nothing goes into an environment.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Duration, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DomainError, InvalidValue};

/// A time zone by its IANA name: `Asia/Bangkok`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(#[schemars(length(min = 1, max = 64))] String);

impl TimeZoneName {
    fn zone(&self) -> Tz {
        // Parsed once already; the database does not lose names.
        self.0.parse().unwrap_or(Tz::UTC)
    }
}

impl FromStr for TimeZoneName {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new("time zone", value, "an IANA name, such as Europe/Berlin");
        let zone: Tz = value.parse().map_err(|_| wrong())?;
        Ok(Self(zone.name().to_owned()))
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = InvalidValue;
    fn try_from(value: String) -> Result<Self, InvalidValue> {
        value.parse()
    }
}

impl From<TimeZoneName> for String {
    fn from(name: TimeZoneName) -> Self {
        name.0
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time of the week on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeekTime {
    /// 1 for Monday to 7 for Sunday.
    #[schemars(range(min = 1, max = 7))]
    pub day: u8,
    /// Hour and minute: `18:00:00`.
    pub time: NaiveTime,
}

impl WeekTime {
    fn minutes(self) -> i64 {
        let of_day = i64::from(self.time.hour()) * 60 + i64::from(self.time.minute());
        (i64::from(self.day) - 1) * 24 * 60 + of_day
    }
}

/// When a freeze holds, on the wall clock of its time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Freeze {
    /// Once.
    Once {
        /// From then on.
        from: NaiveDateTime,
        /// Until then.
        to: NaiveDateTime,
    },
    /// Every week; over the weekend where `to` comes before `from`.
    Weekly {
        /// From then on.
        from: WeekTime,
        /// Until then.
        to: WeekTime,
    },
}

/// A freeze with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeWindow {
    /// For people: `year end`; 1 to 80 characters.
    pub name: String,
    /// Whose clock on the wall counts.
    pub timezone: TimeZoneName,
    /// When.
    pub when: Freeze,
}

const WEEK: i64 = 7 * 24 * 60;

impl FreezeWindow {
    /// When the freeze that holds at an instant ends; none where it does not hold then.
    pub fn holds_until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let zone = self.timezone.zone();
        let local = at.with_timezone(&zone).naive_local();
        let end = match self.when {
            Freeze::Once { from, to } => (from <= local && local < to).then_some(to)?,
            Freeze::Weekly { from, to } => {
                let monday = monday(local)?;
                let now = (local - monday).num_minutes();
                let (from, to) = (from.minutes(), to.minutes());
                let end = match (from < to, now) {
                    (true, now) if from <= now && now < to => to,
                    (false, now) if now >= from => to + WEEK,
                    (false, now) if now < to => to,
                    _ => return None,
                };
                monday + Duration::minutes(end)
            }
        };
        Some(instant(zone, end))
    }

    /// # Errors
    /// [`DomainError::Invalid`] where it has no name or ends before it begins.
    pub(super) fn check(&self, field: &str) -> Result<(), DomainError> {
        if self.name.trim().is_empty() || self.name.chars().count() > 80 {
            return Err(DomainError::invalid(
                format!("{field}.name"),
                "1 to 80 characters",
            ));
        }
        match self.when {
            Freeze::Once { from, to } if from >= to => {
                Err(DomainError::invalid(format!("{field}.when.to"), "after `from`"))
            }
            Freeze::Weekly { from, to } => {
                let days = 1..=7;
                if !days.contains(&from.day) || !days.contains(&to.day) {
                    return Err(DomainError::invalid(
                        format!("{field}.when"),
                        "days are 1 (Monday) to 7",
                    ));
                }
                match from.minutes() == to.minutes() {
                    true => Err(DomainError::invalid(
                        format!("{field}.when.to"),
                        "another time than `from`",
                    )),
                    false => Ok(()),
                }
            }
            Freeze::Once { .. } => Ok(()),
        }
    }
}

/// Midnight of this week's Monday.
fn monday(local: NaiveDateTime) -> Option<NaiveDateTime> {
    let date = local.date().week(Weekday::Mon).checked_first_day()?;
    debug_assert_eq!(date.weekday(), Weekday::Mon);
    date.and_hms_opt(0, 0, 0)
}

/// The instant of a time on the wall. One that the clock skips in spring is taken an hour later; of two in autumn, the
/// later counts, so that a freeze is never too short.
fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let found = zone.from_local_datetime(&local).latest();
    let found = found.or_else(|| zone.from_local_datetime(&(local + Duration::hours(1))).latest());
    found.map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}
