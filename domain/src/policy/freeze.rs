//! Freeze windows: when nothing goes into an environment.

mod parse;

use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::text_value;
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

text_value!(TimeZoneName);

/// A time of the week on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WeekTime {
    /// 1 for Monday to 7 for Sunday.
    #[schemars(range(min = 1, max = 7))]
    pub day: u8,
    /// Hour and minute: `18:00:00`.
    pub time: NaiveTime,
}

impl WeekTime {
    /// How long after midnight of Monday, on the wall.
    fn since_monday(self) -> TimeDelta {
        TimeDelta::days(i64::from(self.day) - 1) + (self.time - NaiveTime::MIN)
    }
}

/// When a freeze holds, on the wall clock of its time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
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
pub struct FreezeWindow {
    /// For people: `year end`; 1 to 80 characters.
    pub name: String,
    /// Whose clock on the wall counts.
    pub timezone: TimeZoneName,
    /// When.
    pub when: Freeze,
}

/// The longest that a clock on a wall ever skipped is a day, where a country moved across the date line.
const LONGEST_SKIP: TimeDelta = TimeDelta::hours(26);

impl FreezeWindow {
    /// When the freeze that holds at an instant ends; none where it does not hold then.
    pub fn holds_until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let zone = self.timezone.zone();
        let holds = |(from, to): (NaiveDateTime, NaiveDateTime)| {
            let until = last(zone, to);
            (first(zone, from) <= at && at < until).then_some(until)
        };
        match self.when {
            Freeze::Once { from, to } => holds((from, to)),
            Freeze::Weekly { from, to } => {
                let (from, to) = (from.since_monday(), to.since_monday());
                let to = if from < to { to } else { to + TimeDelta::weeks(1) };
                let monday = monday(at.with_timezone(&zone).naive_local())?;
                // That of the week before may still hold; where the clock was just put back, that of the next does.
                [-1, 0, 1]
                    .into_iter()
                    .filter_map(|weeks| {
                        let monday = monday.checked_add_signed(TimeDelta::weeks(weeks))?;
                        let window = (monday.checked_add_signed(from)?, monday.checked_add_signed(to)?);
                        holds(window)
                    })
                    .max()
            }
        }
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
            Freeze::Once { from, to } if from.year() < 2000 || to.year() > 9999 => {
                let rule = "in the years 2000 to 9999";
                Err(DomainError::invalid(format!("{field}.when"), rule))
            }
            Freeze::Weekly { from, to } => {
                let days = 1..=7;
                if !days.contains(&from.day) || !days.contains(&to.day) {
                    return Err(DomainError::invalid(
                        format!("{field}.when"),
                        "days are 1 (Monday) to 7",
                    ));
                }
                match from == to {
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
    date.and_hms_opt(0, 0, 0)
}

/// When a freeze begins that begins at a time on the wall: of two instants in autumn at the earlier; where the clock
/// skips it in spring, with the skip.
fn first(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let minute = local.with_second(0).and_then(|local| local.with_nanosecond(0));
    let skipped = || {
        (1..=LONGEST_SKIP.num_minutes()).find_map(|minutes| {
            let later = minute?.checked_add_signed(TimeDelta::minutes(minutes))?;
            zone.from_local_datetime(&later).earliest()
        })
    };
    let found = zone.from_local_datetime(&local).earliest().or_else(skipped);
    found.map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}

/// When it ends: of two instants at the later; where the clock skips it, an hour later. So no freeze is too short.
fn last(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let found = (0..=LONGEST_SKIP.num_hours()).find_map(|hours| {
        let later = local.checked_add_signed(TimeDelta::hours(hours))?;
        zone.from_local_datetime(&later).latest()
    });
    found.map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}
