//! Every command in every state, and what states are called.

use opstella_domain::Environment;
use opstella_domain::policy::ApproverRole;
use opstella_domain::promotion::{Health, PromotionState, RunEnd, promote_to};

use crate::given::{
    after, approve, cancel, confirm, done, end, evaluation, kinds, look, observe, override_freeze, reject,
    state, states, undone, when,
};
use crate::support::promotion::{approval, promotion_id};
use crate::support::run_id;

use ApproverRole::Owner;

#[test]
fn every_command_in_every_state() {
    let over = |state: &str| ["unknown", "completed", "rejected", "cancelled", "failed"].contains(&state);
    let people = || {
        [
            (approve(1, approval("olga", &[Owner])), "PromotionApproved"),
            (reject(1), "PromotionRejected"),
            (cancel(1), "PromotionCancelled"),
            (override_freeze(1), "FreezeOverrideRequested"),
        ]
    };
    for (name, given) in states() {
        for (command, event) in people() {
            let case = format!("{} in {name}", command.name());
            let taken_by = command.name();
            let result = when(given.clone(), command);
            match name {
                _ if over(name) => {
                    let (state, accepts) = state(result);
                    assert_eq!(state, "over, or not one of payments/checkout/PRD", "{case}");
                    assert!(accepts.is_empty());
                }
                "deploying" => {
                    let (state, accepts) = state(result);
                    assert_eq!(state, format!("deploying by run {}", run_id(1)), "{case}");
                    assert_eq!(accepts, ["CancelRun (of the run)"]);
                }
                "queued" if taken_by == "Approve" => assert_eq!(state(result).0, "queued", "{case}"),
                "requested" if taken_by == "Approve" => {
                    assert_eq!(state(result).0, "not evaluated yet", "{case}");
                }
                _ => assert_eq!(kinds(result), [event], "{case}"),
            }
        }
        // Confirming what nobody asked for.
        let (told, _) = state(when(given.clone(), confirm(1, "bob")));
        let asks_first = !over(name) && name != "deploying";
        assert_eq!(told == "not to override a freeze", asks_first, "{name}");
        // Looking at gates: only of the one in flight, and only before it deploys.
        let looks = kinds(when(given.clone(), look(1, evaluation(&[]))));
        let expected: &[&str] = match name {
            "requested" | "waiting" | "blocked" => &["GatesEvaluated", "DeploymentStarted"],
            _ => &[],
        };
        assert_eq!(looks, expected, "{name}");
        // The end of a run.
        for (how, event) in [
            (RunEnd::Succeeded, "PromotionCompleted"),
            (undone(false, false), "PromotionFailed"),
            (undone(true, false), "DeploymentRolledBack"),
            (undone(true, true), "PromotionFailed"),
        ] {
            let ended = kinds(when(given.clone(), end(1, how)));
            let expected: &[&str] = if name == "deploying" { &[event] } else { &[] };
            assert_eq!(ended, expected, "{name}");
        }
        let stale = kinds(when(given.clone(), done(77)));
        assert!(stale.is_empty(), "{name}");
        // What Argo CD runs.
        let seen = kinds(when(given, observe(&[("api", "x", false)], Health::Degraded)));
        let expected: &[&str] = match name {
            "completed" => &["DriftDetected", "HealthChanged"],
            _ => &[],
        };
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn states_have_names() {
    let expected = [
        ("requested", Some(PromotionState::Waiting)),
        ("waiting", Some(PromotionState::Waiting)),
        ("blocked", Some(PromotionState::Blocked)),
        ("queued", Some(PromotionState::Queued)),
        ("deploying", Some(PromotionState::Deploying)),
    ];
    for (name, given) in states() {
        let state = after(given).state_of(promotion_id(1));
        let expected = expected.iter().find(|(n, _)| *n == name).and_then(|(_, s)| *s);
        assert_eq!(state, expected, "{name}");
    }
    for environment in Environment::all() {
        let name = promote_to(environment);
        assert_eq!(name.to_uppercase(), format!("PROMOTETO{environment}"));
    }
}
