//! What runs although no promotion brought it.

use std::collections::BTreeMap;

use opstella_domain::promotion::{EnvironmentCommand, EnvironmentEvent, Health};

use crate::given::{after, ask, deployed, deployed_with, evaluation, kinds, look, observe, when};
use crate::support::at;
use crate::support::promotion::{images, later, name};

#[test]
fn drift_is_told_once_and_when_it_is_over() {
    use Health::{Degraded, Healthy};
    let given = || deployed_with(1, "1", vec![("api", "api-1"), ("web", "web-1")]);
    let fine = || observe(&[("api", "api:1", true), ("web", "web:1", true)], Healthy);
    let wrong = || observe(&[("api", "api:evil", false), ("web", "web:1", true)], Healthy);
    assert_eq!(when(given(), fine()), Ok(vec![]));
    let detected = EnvironmentEvent::DriftDetected {
        expected: images(&[("api", "api-1")]),
        found: BTreeMap::from([(name("api"), "api:evil".to_owned())]),
        at: later(9),
    };
    assert_eq!(when(given(), wrong()), Ok(vec![detected]));
    let drifted = || [given(), vec![wrong()]].concat();
    assert_eq!(when(drifted(), wrong()), Ok(vec![]));
    assert_eq!(
        when(drifted(), fine()),
        Ok(vec![EnvironmentEvent::DriftCleared { at: later(9) }])
    );
    let worse = observe(&[("api", "api:evil", false), ("web", "web:evil", false)], Healthy);
    assert_eq!(kinds(when(drifted(), worse)), ["DriftDetected"]);
    // What is not of the service is none of its drift.
    assert_eq!(
        when(given(), observe(&[("other", "x", false)], Healthy)),
        Ok(vec![])
    );
    let ill = observe(&[("api", "api:1", true)], Degraded);
    assert_eq!(kinds(when(given(), ill.clone())), ["HealthChanged"]);
    assert_eq!(when([given(), vec![ill.clone()]].concat(), ill), Ok(vec![]));
}

#[test]
fn what_was_not_looked_at_does_not_change() {
    let given = || {
        let images = vec![("api", "api-1"), ("web", "web-1")];
        let drift = observe(&[("web", "web:evil", false)], Health::Healthy);
        [deployed_with(1, "1", images), vec![drift]].concat()
    };
    let one = |right| observe(&[("api", "api:x", right)], Health::Healthy);
    assert_eq!(when(given(), one(true)), Ok(vec![]), "web still drifts");
    let both = after([given(), vec![one(false)]].concat()).drift.unwrap();
    assert_eq!(
        both.found.keys().collect::<Vec<_>>(),
        [&name("api"), &name("web")]
    );
}

#[test]
fn what_was_seen_before_a_deployment_says_nothing_of_it() {
    let EnvironmentCommand::Observe { found, health, .. } =
        observe(&[("api", "old", false)], Health::Degraded)
    else {
        panic!();
    };
    let early = EnvironmentCommand::Observe {
        found,
        health,
        at: at(),
    };
    assert_eq!(when(deployed(1, "1"), early), Ok(vec![]));
}

#[test]
fn where_it_cannot_be_told_how_it_is_nothing_is_said_of_it() {
    let ill = observe(&[("api", "api:x", true)], Health::Degraded);
    let unknown = |right: bool| EnvironmentCommand::Observe {
        found: [(name("api"), ("api:x".to_owned(), right))].into(),
        health: None,
        at: later(9),
    };
    let given = [deployed(1, "1"), vec![ill]].concat();
    assert_eq!(when(given.clone(), unknown(true)), Ok(vec![]));
    let seen = after([given, vec![unknown(false)]].concat());
    assert!(seen.drift.is_some(), "what is wrong is wrong all the same");
    assert_eq!(seen.current.unwrap().health, Health::Degraded);
}

#[test]
fn a_run_that_deploys_is_not_drift() {
    let given = [
        deployed(1, "1"),
        vec![ask(2, "2").into(), look(2, evaluation(&[]))],
    ]
    .concat();
    assert_eq!(
        when(given, observe(&[("api", "x", false)], Health::Degraded)),
        Ok(vec![])
    );
}
