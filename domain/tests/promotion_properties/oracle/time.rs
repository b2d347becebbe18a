//! The rules about time and the change.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use opstella_domain::policy::{Freeze, FreezeWindow, PolicyRules, WeekTime};

use super::Oracle;

/// A week in seconds.
const WEEK: i64 = 7 * 24 * 3600;

/// Seconds since Monday, in UTC: no other time zone is in this world.
fn of_week(at: DateTime<Utc>) -> i64 {
    let days = i64::from(at.weekday().num_days_from_monday());
    days * 24 * 3600 + i64::from(at.num_seconds_from_midnight())
}

fn of_wall(time: WeekTime) -> i64 {
    (i64::from(time.day) - 1) * 24 * 3600 + i64::from(time.time.num_seconds_from_midnight())
}

/// When the freeze that holds at an instant ends; none where it does not hold then.
fn ends(window: &FreezeWindow, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match window.when {
        Freeze::Once { from, to } => (from <= at.naive_utc() && at.naive_utc() < to).then(|| to.and_utc()),
        Freeze::Weekly { from, to } => {
            let (from, to, now) = (of_wall(from), of_wall(to), of_week(at));
            let since = (now - from).rem_euclid(WEEK);
            let long = (to - from).rem_euclid(WEEK);
            (since < long).then(|| at + TimeDelta::seconds(long - since))
        }
    }
}

impl Oracle<'_> {
    pub(super) fn in_time(&self, rules: &PolicyRules) -> bool {
        let named = !rules.change_reference || self.asked.change;
        named && self.soaked(rules) && !rules.freezes.iter().any(|window| self.frozen(window))
    }

    fn soaked(&self, rules: &PolicyRules) -> bool {
        rules.soak_minutes == 0
            || self.waived("soaked", None)
            || self.counts.before.is_none_or(|(_, before)| {
                let since = before.runs(&self.asked.images);
                let since = since
                    .filter(|_| before.healthy && !before.drifted)
                    .map(|since| before.well_since.map_or(since, |well| well.max(since)));
                since.is_some_and(|since| {
                    since + TimeDelta::minutes(rules.soak_minutes.into()) <= self.counts.now
                })
            })
    }

    /// Whether a freeze holds that two people did not break since it began.
    fn frozen(&self, window: &FreezeWindow) -> bool {
        let now = self.counts.now;
        let glass = &self.asked.glass;
        let held_then = glass.asked_at.and_then(|asked| ends(window, asked));
        let named = glass.freezes.iter().any(|freeze| &freeze.window == window);
        let broken = glass.people.len() == 2 && named && held_then.is_some_and(|until| now < until);
        ends(window, now).is_some() && !broken
    }
}
