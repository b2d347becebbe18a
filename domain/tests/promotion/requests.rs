//! What is asked for: nothing twice, nothing skipped, in turn.

use opstella_domain::policy::{ApproverRole, GateVerdict};
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentEvent, Health, MAX_QUEUE, WhenBusy};
use opstella_domain::{Decide, DomainError, Environment};

use crate::given::{
    Ask, after, ask, back, cancel, closed, deployed, done, end, evaluation, key, kinds, look, observe,
    reject, release, state, states, undone, when,
};
use crate::support::promotion::{gate, later, promotion_id};

use ApproverRole::Owner;

#[test]
fn what_opens_by_itself_is_due_once_its_time_has_come() {
    let mut soaking = evaluation(&[(Owner, 1)]);
    let mut soak = gate("soaked", GateVerdict::Waiting);
    soak.opens_at = Some(later(5));
    soaking.gates.push(soak);
    let waits = after(vec![ask(1, "1.0.0").into(), look(1, soaking.clone())]);
    assert!(!waits.is_due(later(4)));
    assert!(waits.is_due(later(5)));
    let queued = after(vec![
        ask(1, "1.0.0").into(),
        look(1, evaluation(&[(Owner, 1)])),
        ask(2, "1.1.0").into(),
    ]);
    assert!(!queued.is_due(later(99)), "people are waited for");
    let soaked = vec![
        ask(1, "1.0.0").into(),
        look(1, soaking),
        look(1, evaluation(&[(Owner, 1)])),
    ];
    assert!(!after(soaked).is_due(later(99)), "it was looked at since");
}

#[test]
fn the_same_release_is_asked_for_once_at_a_time() {
    for (name, given) in states() {
        let again = when(given.clone(), ask(3, "1.0.0"));
        match name {
            "requested" | "waiting" | "blocked" | "queued" | "deploying" => {
                let id = format!("{}/{}", key(), promotion_id(1));
                let taken = DomainError::AlreadyExists {
                    kind: "promotion",
                    id,
                };
                assert_eq!(again, Err(taken), "{name}");
            }
            "completed" => assert_eq!(state(again).0, "running release 1.0.0 already"),
            _ => assert_eq!(kinds(again), ["PromotionRequested"], "{name}"),
        }
    }
    // Nor under the id of another.
    let taken = when(vec![ask(1, "1.0.0").into()], ask(1, "2.0.0"));
    assert!(matches!(taken, Err(DomainError::AlreadyExists { .. })));
}

#[test]
fn a_release_is_not_on_its_way_forward_and_back_at_once() {
    let given = [deployed(1, "1"), deployed(2, "2"), vec![back(3, "1").into()]].concat();
    let forward = when(given, ask(4, "1"));
    let id = format!("{}/{}", key(), promotion_id(3));
    let taken = DomainError::AlreadyExists {
        kind: "promotion",
        id,
    };
    assert_eq!(forward, Err(taken), "it would find itself running already");
}

#[test]
fn no_environment_is_skipped() {
    let skipping = Ask {
        came_from: Some((Environment::Uat, false)),
        ..ask(1, "1.0.0")
    };
    let (told, accepts) = state(when(vec![], skipping));
    assert_eq!(
        told,
        "not reached by release 1.0.0, which was not deployed to UAT yet"
    );
    assert_eq!(accepts, ["PromoteToUat"]);
    let first = Ask {
        came_from: None,
        ..ask(1, "1.0.0")
    };
    assert_eq!(kinds(when(vec![], first)), ["PromotionRequested"]);
}

#[test]
fn a_release_that_runs_comes_again_only_against_drift() {
    let given = || deployed(1, "1");
    assert_eq!(state(when(given(), ask(2, "1"))).0, "running release 1 already");
    let drifted = [given(), vec![observe(&[("api", "x", false)], Health::Healthy)]].concat();
    assert_eq!(kinds(when(drifted.clone(), ask(2, "1"))), ["PromotionRequested"]);
    let mended = [
        drifted,
        vec![ask(2, "1").into(), look(2, evaluation(&[])), done(2)],
    ]
    .concat();
    let mended = after(mended);
    assert_eq!(mended.drift, None);
    assert_eq!(mended.history.len(), 2);
}

#[test]
fn busy_is_refused_or_queued_as_asked() {
    let refuse = Ask {
        when_busy: WhenBusy::Refuse,
        ..ask(2, "2")
    };
    let (told, accepts) = state(when(vec![ask(1, "1").into()], refuse));
    let other = promotion_id(1);
    assert_eq!(
        told,
        format!("busy with promotion {other}; ask with `when_busy: queue` to wait for it")
    );
    assert_eq!(accepts, ["Approve", "Reject", "CancelPromotion"]);
    for when_busy in [WhenBusy::Refuse, WhenBusy::Queue] {
        let free = Ask {
            when_busy,
            ..ask(1, "1")
        };
        let EnvironmentEvent::PromotionRequested { queued, .. } = when(vec![], free).unwrap().remove(0)
        else {
            panic!("requested");
        };
        assert!(!queued);
    }
}

#[test]
fn the_queue_is_bounded_and_keeps_its_order() {
    let full: Vec<EnvironmentCommand> = (0..=MAX_QUEUE)
        .map(|n| ask(n as u128, release(n)).into())
        .collect();
    let (told, accepts) = state(when(full.clone(), ask(99, "one-more")));
    assert_eq!(
        (told.as_str(), accepts),
        ("busy, and 20 promotions wait", vec!["CancelPromotion"])
    );
    let mut environment = after(full);
    // One in the middle leaves; the others move up, whatever happens to the one before.
    let mut take = |command| {
        let events = environment.decide(command).unwrap();
        events.iter().cloned().for_each(|event| environment.evolve(event));
        (events, environment.in_flight.as_ref().map(|p| p.id))
    };
    assert_eq!(take(cancel(2)).1, Some(promotion_id(0)));
    assert_eq!(take(cancel(0)).1, Some(promotion_id(1)));
    assert_eq!(take(reject(1)).1, Some(promotion_id(3)));
    take(look(3, evaluation(&[])));
    assert_eq!(take(end(3, undone(true, false))).1, Some(promotion_id(4)));
    take(look(4, evaluation(&[])));
    let (events, next) = take(done(4));
    assert_eq!(next, Some(promotion_id(5)));
    let taken_up = EnvironmentEvent::PromotionTakenUp {
        promotion: promotion_id(5),
    };
    assert_eq!(events[1], taken_up);
    for number in 5..=MAX_QUEUE {
        take(reject(number as u128));
    }
    assert_eq!(environment.in_flight, None);
}

#[test]
fn one_that_waited_until_it_would_skip_an_environment_is_over() {
    let looked = |came_from| {
        let mut look = look(1, evaluation(&[]));
        if let EnvironmentCommand::Evaluate {
            came_from: before, ..
        } = &mut look
        {
            *before = came_from;
        }
        let given = vec![ask(1, "1.0.0").into(), closed(1), ask(2, "1.1.0").into()];
        kinds(when(given, look))
    };
    let (reached, skipped) = ((Environment::Pre, true), (Environment::Pre, false));
    assert_eq!(looked(Some(reached)), ["GatesEvaluated", "DeploymentStarted"]);
    assert_eq!(looked(None), ["GatesEvaluated", "DeploymentStarted"]);
    // The one after it has its turn.
    assert_eq!(looked(Some(skipped)), ["PromotionFailed", "PromotionTakenUp"]);
}
