//! Subscriptions, given-when-then.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use chrono::TimeDelta;
use cqrs_es::test::TestFramework;
use opstella_domain::subscription::{
    MOST_PATTERNS, Settings, Subscription, SubscriptionCommand as Command, SubscriptionEvent as Event,
    SubscriptionKey,
};
use opstella_domain::{Decide, DomainError};
use support::at;

fn key() -> SubscriptionKey {
    "payments/chat".parse().unwrap()
}

fn settings(url: &str, patterns: &[&str]) -> Settings {
    Settings {
        url: url.parse().unwrap(),
        events: patterns.iter().map(|pattern| pattern.parse().unwrap()).collect(),
    }
}

fn usual() -> Settings {
    settings("https://chat.example/hook", &["Environment.*"])
}

fn create(settings: Settings) -> Command {
    Command::Create {
        key: key(),
        settings,
        plain_http: false,
    }
}

fn created() -> Event {
    Event::SubscriptionCreated {
        key: key(),
        settings: usual(),
        secret: 1,
    }
}

fn disabled() -> Event {
    Event::SubscriptionDisabled {
        reason: "moving".into(),
    }
}

fn rotated(secret: u32, hours: i64) -> Event {
    Event::SubscriptionSecretRotated {
        secret,
        previous_until: at() + TimeDelta::hours(hours),
    }
}

fn deleted() -> Event {
    Event::SubscriptionDeleted { key: key() }
}

fn state(events: Vec<Event>) -> Subscription {
    let mut state = Subscription::default();
    events.into_iter().for_each(|event| state.evolve(event));
    state
}

fn expect(given: Vec<Event>, when: Command, then: Vec<Event>) {
    TestFramework::<Subscription>::with(())
        .given(given)
        .when(when)
        .then_expect_events(then);
}

fn refused(given: Vec<Event>, when: Command) -> DomainError {
    state(given).decide(when).unwrap_err()
}

/// Every command but the one that makes it.
fn others() -> Vec<Command> {
    vec![
        Command::Change {
            key: key(),
            settings: usual(),
            plain_http: false,
        },
        Command::Enable { key: key() },
        Command::Disable {
            key: key(),
            reason: "why".into(),
        },
        Command::RotateSecret {
            key: key(),
            at: at(),
            overlap_hours: 24,
        },
        Command::Ping { key: key() },
        Command::Replay {
            key: key(),
            delivery: None,
        },
        Command::Delete { key: key() },
    ]
}

#[test]
fn it_is_made_once() {
    expect(vec![], create(usual()), vec![created()]);
    let error = refused(vec![created()], create(usual()));
    assert!(matches!(error, DomainError::AlreadyExists { id, .. } if id == "payments/chat"));
}

#[test]
fn what_is_not_there_takes_nothing() {
    for given in [vec![], vec![created(), deleted()]] {
        for command in others() {
            let name = command.name();
            let error = refused(given.clone(), command);
            assert!(matches!(error, DomainError::NotFound { .. }), "{name}: {error}");
        }
    }
}

#[test]
fn a_name_that_is_free_again_never_gets_an_old_secret() {
    let again = Event::SubscriptionCreated {
        key: key(),
        settings: usual(),
        secret: 3,
    };
    let given = vec![created(), rotated(2, 24), disabled(), deleted()];
    expect(given.clone(), create(usual()), vec![again.clone()]);
    let state = state([given, vec![again]].concat());
    assert!(state.is_active());
    assert_eq!(state.secrets_at(at()), [3]);
}

#[test]
fn plain_http_needs_an_installation_that_allows_it() {
    let plain = settings("http://127.0.0.1:9/x", &["*"]);
    let error = refused(vec![], create(plain.clone())).to_string();
    assert!(error.starts_with("url: an https URL"), "{error}");
    let allowed = Command::Create {
        key: key(),
        settings: plain.clone(),
        plain_http: true,
    };
    assert_eq!(Subscription::default().decide(allowed).unwrap().len(), 1);
    let change = Command::Change {
        key: key(),
        settings: plain,
        plain_http: false,
    };
    assert!(matches!(
        refused(vec![created()], change),
        DomainError::Invalid { field, .. } if field == "url"
    ));
}

#[test]
fn it_is_about_something_that_there_is() {
    let error = refused(vec![], create(settings("https://x.example", &[])));
    assert!(matches!(error, DomainError::Invalid { field, .. } if field == "events"));
    let error = refused(
        vec![],
        create(settings(
            "https://x.example",
            &["*", "Environment.PromotionComplete"],
        )),
    );
    assert!(matches!(error, DomainError::Invalid { field, .. } if field == "events[1]"));
    let many: Vec<String> = (0..=MOST_PATTERNS)
        .map(|n| format!("Run.{}", "a".repeat(n + 1)))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let error = refused(vec![], create(settings("https://x.example", &many))).to_string();
    assert!(error.contains("1 to 50"), "{error}");
}

#[test]
fn the_same_settings_change_nothing() {
    let change = |settings| Command::Change {
        key: key(),
        settings,
        plain_http: false,
    };
    expect(vec![created()], change(usual()), vec![]);
    let other = settings("https://chat.example/other", &["Environment.*"]);
    let changed = Event::SubscriptionChanged {
        settings: other.clone(),
    };
    expect(vec![created()], change(other), vec![changed]);
}

#[test]
fn it_is_disabled_and_enabled_with_a_reason_that_auditors_read() {
    let disable = |reason: &str| Command::Disable {
        key: key(),
        reason: reason.into(),
    };
    expect(vec![created()], disable("moving"), vec![disabled()]);
    expect(vec![created(), disabled()], disable("again"), vec![]);
    assert!(matches!(
        refused(vec![created()], disable(" ")),
        DomainError::Invalid { .. }
    ));
    let enable = || Command::Enable { key: key() };
    let enabled = || Event::SubscriptionEnabled {};
    expect(vec![created()], enable(), vec![]);
    expect(vec![created(), disabled()], enable(), vec![enabled()]);
    assert!(!state(vec![created(), disabled()]).is_active());
    assert!(state(vec![created(), disabled(), enabled()]).is_active());
}

#[test]
fn a_disabled_one_is_not_pinged() {
    let ping = || Command::Ping { key: key() };
    expect(vec![created()], ping(), vec![Event::SubscriptionPinged {}]);
    assert!(matches!(
        refused(vec![created(), disabled()], ping()),
        DomainError::WrongState { accepts, .. } if accepts == ["EnableSubscription"]
    ));
}

#[test]
fn the_secret_before_signs_for_a_while() {
    let rotate = |overlap_hours| Command::RotateSecret {
        key: key(),
        at: at(),
        overlap_hours,
    };
    expect(vec![created()], rotate(24), vec![rotated(2, 24)]);
    expect(vec![created(), rotated(2, 24)], rotate(0), vec![rotated(3, 0)]);
    assert!(matches!(
        refused(vec![created()], rotate(169)),
        DomainError::Invalid { field, .. } if field == "overlap_hours"
    ));
    let state = state(vec![created(), rotated(2, 24)]);
    assert_eq!(state.secrets_at(at() + TimeDelta::hours(23)), [2, 1]);
    assert_eq!(state.secrets_at(at() + TimeDelta::hours(24)), [2]);
}

#[test]
fn replays_are_on_record() {
    for delivery in [None, Some("1234-56".parse().unwrap())] {
        let command = Command::Replay {
            key: key(),
            delivery: delivery.clone(),
        };
        let name = command.name();
        let one = delivery.is_some();
        assert_eq!(
            name,
            if one {
                "ReplayDeadLetter"
            } else {
                "ReplayDeadLetters"
            }
        );
        let replayed = Event::DeadLettersReplayed { delivery };
        expect(vec![created(), disabled()], command, vec![replayed]);
    }
}

#[test]
fn it_wants_what_its_patterns_match() {
    let state = state(vec![created()]);
    assert!(state.wants("Environment", "PromotionCompleted"));
    assert!(!state.wants("Run", "RunStuck"));
    assert!(!Subscription::default().wants("Environment", "PromotionCompleted"));
}
