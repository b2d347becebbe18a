//! What runs after a deployment, and after the end of all.

use opstella_domain::Decide;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentEvent, Health, ServiceEnvironment};

use crate::given::{
    after, ask, deployed, deployed_with, end, evaluation, history, look, states, undone, when,
};
use crate::support::promotion::{images, later, version, who};

#[test]
fn what_runs_is_what_was_brought() {
    let environment = after([deployed(1, "1"), deployed(2, "2")].concat());
    let current = environment.current.clone().unwrap();
    assert_eq!(current.release, version("2"));
    assert_eq!(current.since, later(1));
    assert_eq!(current.health, Health::Healthy);
    assert_eq!(environment.images(), images(&[("api", "2")]));
    assert_eq!(environment.history.len(), 2);
    // One that fails brings nothing, whether or not something was changed and changed back.
    for (changed, left_behind) in [(false, false), (true, false), (true, true), (false, true)] {
        let failing = vec![
            ask(3, "3").into(),
            look(3, evaluation(&[])),
            end(3, undone(changed, left_behind)),
        ];
        let events = history([deployed(2, "2"), failing].concat());
        let mut environment = ServiceEnvironment::default();
        events.iter().cloned().for_each(|event| environment.evolve(event));
        assert_eq!(environment.images(), images(&[("api", "2")]));
        assert_eq!(environment.in_flight, None);
        match events.last().unwrap() {
            EnvironmentEvent::DeploymentRolledBack { to, .. } => {
                assert!(changed && !left_behind);
                assert_eq!(to, &Some(version("2")));
            }
            EnvironmentEvent::PromotionFailed {
                left_behind: left, ..
            } => {
                assert!(!changed || left_behind);
                assert_eq!(*left, left_behind);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn components_that_a_release_has_no_image_of_keep_what_they_run() {
    let first = deployed_with(1, "1", vec![("api", "api-1"), ("web", "web-1")]);
    let second = deployed_with(2, "2", vec![("web", "web-2")]);
    let environment = after([first, second].concat());
    assert_eq!(
        environment.images(),
        images(&[("api", "api-1"), ("web", "web-2")])
    );
}

#[test]
fn what_is_removed_is_as_if_it_had_never_been() {
    let remove = || EnvironmentCommand::Remove {
        by: who("system:engine"),
        at: later(1),
    };
    for (name, given) in states() {
        let before = after(given.clone());
        let mut now = before.clone();
        let events = when(given, remove()).unwrap();
        events.iter().cloned().for_each(|event| now.evolve(event));
        let as_text = |state: &ServiceEnvironment| serde_json::to_value(state).unwrap();
        assert_eq!(as_text(&now), as_text(&ServiceEnvironment::default()), "{name}");
        // What was not over is over now, by an event of its own.
        let open = before.in_flight.iter().chain(&before.queue).count();
        let over = |event: &&EnvironmentEvent| {
            let (failed, cancelled) = ("PromotionFailed", "PromotionCancelled");
            [failed, cancelled].contains(&<&str>::from(*event))
        };
        assert_eq!(events.iter().filter(over).count(), open, "{name}");
        assert_eq!(now.decide(remove()).unwrap(), [], "{name}");
    }
    assert_eq!(ServiceEnvironment::default().decide(remove()).unwrap(), []);
}
