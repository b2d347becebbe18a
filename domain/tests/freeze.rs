//! Freeze windows: time zones, clocks that are put forward and back, weekends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::policy::{Freeze, FreezeWindow, WeekTime};
use proptest::prelude::*;
use support::promotion::time;

fn week_time(text: &str) -> WeekTime {
    let (day, time) = text.split_once(' ').unwrap();
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let day = days.iter().position(|d| *d == day).unwrap() + 1;
    WeekTime {
        day: day.try_into().unwrap(),
        time: time.parse().unwrap(),
    }
}

fn weekly(zone: &str, from: &str, to: &str) -> FreezeWindow {
    let (from, to) = (week_time(from), week_time(to));
    window(zone, Freeze::Weekly { from, to })
}

fn once(zone: &str, from: &str, to: &str) -> FreezeWindow {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    window(zone, Freeze::Once { from, to })
}

fn window(zone: &str, when: Freeze) -> FreezeWindow {
    FreezeWindow {
        name: "a freeze".into(),
        timezone: zone.parse().unwrap(),
        when,
    }
}

/// It holds from the first instant to just before the second, and says so all the time.
#[track_caller]
fn holds_just(window: &FreezeWindow, from: &str, until: &str) {
    let (from, until) = (time(from), time(until));
    let moment = TimeDelta::nanoseconds(1);
    assert_eq!(window.holds_until(from - moment), None, "before {from}");
    assert_eq!(window.holds_until(until), None, "at {until}");
    assert_eq!(window.holds_until(until - moment), Some(until));
    let mut at = from;
    while at < until {
        assert_eq!(window.holds_until(at), Some(until), "at {at}");
        at += TimeDelta::minutes(7);
    }
}

#[test]
fn the_clock_on_the_wall_of_the_zone_counts() {
    let window = |zone| once(zone, "2026-01-10T08:00:00", "2026-01-10T20:00:00");
    holds_just(&window("UTC"), "2026-01-10T08:00:00Z", "2026-01-10T20:00:00Z");
    holds_just(
        &window("Asia/Bangkok"),
        "2026-01-10T01:00:00Z",
        "2026-01-10T13:00:00Z",
    );
    holds_just(
        &window("America/New_York"),
        "2026-01-10T13:00:00Z",
        "2026-01-11T01:00:00Z",
    );
    holds_just(
        &window("Asia/Kathmandu"),
        "2026-01-10T02:15:00Z",
        "2026-01-10T14:15:00Z",
    );
}

#[test]
fn within_the_week_and_over_the_weekend() {
    let nights = weekly("Asia/Bangkok", "Tue 22:00:00", "Wed 05:30:00");
    holds_just(&nights, "2026-01-06T15:00:00Z", "2026-01-06T22:30:00Z");
    holds_just(&nights, "2026-01-13T15:00:00Z", "2026-01-13T22:30:00Z");
    let weekend = weekly("Europe/Berlin", "Fri 18:00:00", "Mon 06:00:00");
    holds_just(&weekend, "2026-01-09T17:00:00Z", "2026-01-12T05:00:00Z");
    holds_just(&weekend, "2026-07-10T16:00:00Z", "2026-07-13T04:00:00Z");
    // Monday morning here is Sunday evening there.
    let weekend = weekly("Pacific/Auckland", "Sat 00:00:00", "Mon 00:00:00");
    holds_just(&weekend, "2026-07-10T12:00:00Z", "2026-07-12T12:00:00Z");
}

#[test]
fn seconds_count() {
    let sunday = weekly("UTC", "Sun 00:00:00", "Sun 23:59:59");
    holds_just(&sunday, "2026-01-11T00:00:00Z", "2026-01-11T23:59:59Z");
    let short = weekly("UTC", "Sun 12:00:10", "Sun 12:00:40");
    holds_just(&short, "2026-01-11T12:00:10Z", "2026-01-11T12:00:40Z");
}

#[test]
fn a_clock_that_is_put_back_makes_no_hole() {
    // In Berlin, 2026-10-25 02:00 to 03:00 happens twice: from 00:00Z and from 01:00Z.
    let ends_twice = once("Europe/Berlin", "2026-10-24T20:00:00", "2026-10-25T02:30:00");
    holds_just(&ends_twice, "2026-10-24T18:00:00Z", "2026-10-25T01:30:00Z");
    let begins_twice = once("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T04:00:00");
    holds_just(&begins_twice, "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z");
    let both = weekly("Europe/Berlin", "Sun 02:15:00", "Sun 02:45:00");
    holds_just(&both, "2026-10-25T00:15:00Z", "2026-10-25T01:45:00Z");
}

#[test]
fn a_clock_that_is_put_back_over_midnight_makes_no_hole() {
    // In St. John's, Sunday 2010-11-07 00:01 became 23:01 of Saturday again, at 02:31Z.
    let begins = weekly("America/St_Johns", "Sun 00:00:00", "Sun 06:00:00");
    holds_just(&begins, "2010-11-07T02:30:00Z", "2010-11-07T09:30:00Z");
    let ends = weekly("America/St_Johns", "Sat 12:00:00", "Sun 00:00:00");
    holds_just(&ends, "2010-11-06T14:30:00Z", "2010-11-07T03:30:00Z");
}

#[test]
fn a_time_that_the_clock_skips_makes_it_no_shorter() {
    // In Berlin, 2026-03-29 02:00 to 03:00 does not happen: at 01:00Z it is 03:00.
    let begins = once("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T06:00:00");
    holds_just(&begins, "2026-03-29T01:00:00Z", "2026-03-29T04:00:00Z");
    let ends = once("Europe/Berlin", "2026-03-28T20:00:00", "2026-03-29T02:30:00");
    holds_just(&ends, "2026-03-28T19:00:00Z", "2026-03-29T01:30:00Z");
    let both = weekly("Europe/Berlin", "Sun 02:15:00", "Sun 02:45:00");
    holds_just(&both, "2026-03-29T01:00:00Z", "2026-03-29T01:45:00Z");
    // Half an hour is skipped on Lord Howe Island: at 15:30Z of the 3rd.
    let island = once(
        "Australia/Lord_Howe",
        "2026-10-04T02:10:00",
        "2026-10-04T05:00:00",
    );
    holds_just(&island, "2026-10-03T15:30:00Z", "2026-10-03T18:00:00Z");
    // A whole day in Samoa: at 10:00Z of 2011-12-30 it was the 31st.
    let until = once("Pacific/Apia", "2011-12-29T20:00:00", "2011-12-30T08:00:00");
    holds_just(&until, "2011-12-30T06:00:00Z", "2011-12-30T10:00:00Z");
    let from = once("Pacific/Apia", "2011-12-30T08:00:00", "2011-12-31T02:00:00");
    holds_just(&from, "2011-12-30T10:00:00Z", "2011-12-30T12:00:00Z");
}

#[test]
fn times_at_the_end_of_all_calendars_are_no_trouble() {
    let late = once(
        "Pacific/Kiritimati",
        "+262142-12-31T00:00:00",
        "+262142-12-31T23:59:59",
    );
    let early = once(
        "America/New_York",
        "-262143-01-01T00:00:00",
        "-262143-01-01T00:00:01",
    );
    for at in [DateTime::<Utc>::UNIX_EPOCH, time("2026-01-01T00:00:00Z")] {
        assert_eq!(late.holds_until(at), None);
        assert_eq!(early.holds_until(at), None);
    }
}

#[test]
fn zones_have_names_of_the_database() {
    for wrong in ["", "Berlin", "Mars/Olympus", "+02:00", "europe/berlin "] {
        assert!(
            wrong.parse::<opstella_domain::policy::TimeZoneName>().is_err(),
            "{wrong}"
        );
    }
}

fn windows() -> impl Strategy<Value = FreezeWindow> {
    let zone = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/Sao_Paulo",
        "Asia/Bangkok",
        "Pacific/Auckland",
        "Australia/Lord_Howe",
    ]);
    let weekly = (0i64..10_080, 1i64..10_080).prop_map(|(from, long)| {
        let at = |minute: i64| {
            let minute = minute % 10_080;
            let time = chrono::NaiveTime::MIN + TimeDelta::minutes(minute % 1440);
            WeekTime {
                day: u8::try_from(minute / 1440 + 1).unwrap(),
                time,
            }
        };
        Freeze::Weekly {
            from: at(from),
            to: at(from + long),
        }
    });
    let once = (0i64..525_600, 1i64..20_000).prop_map(|(from, long)| {
        let from = time("2026-01-01T00:00:00Z").naive_utc() + TimeDelta::minutes(from);
        Freeze::Once {
            from,
            to: from + TimeDelta::minutes(long),
        }
    });
    (zone, prop_oneof![weekly, once]).prop_map(|(zone, when)| window(zone, when))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_holds_now_ends_later_and_holds_until_then(window in windows(), minute in 0i64..525_600, part in 0.0..1.0f64) {
        let at = time("2026-01-01T00:00:00Z") + TimeDelta::minutes(minute);
        if let Some(until) = window.holds_until(at) {
            prop_assert!(until > at);
            let between = at + TimeDelta::milliseconds(((until - at).num_milliseconds() as f64 * part) as i64);
            if between < until {
                prop_assert_eq!(window.holds_until(between), Some(until));
            }
        }
    }

    #[test]
    fn where_the_wall_reads_a_time_within_it_holds(window in windows(), minute in 0i64..525_600) {
        let at = time("2026-01-01T00:00:00Z") + TimeDelta::minutes(minute);
        let zone: chrono_tz::Tz = window.timezone.to_string().parse().unwrap();
        let wall = at.with_timezone(&zone).naive_local();
        let within = match window.when {
            Freeze::Once { from, to } => from <= wall && wall < to,
            Freeze::Weekly { from, to } => {
                use chrono::Datelike;
                let now = (u8::try_from(wall.weekday().number_from_monday()).unwrap(), wall.time());
                let (from, to) = ((from.day, from.time), (to.day, to.time));
                if from < to { from <= now && now < to } else { from <= now || now < to }
            }
        };
        prop_assert!(!within || window.holds_until(at).is_some());
    }
}
