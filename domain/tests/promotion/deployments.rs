//! What runs after a deployment, and after the end of all.

use opstella_domain::Decide;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentEvent, Health, ServiceEnvironment};

use opstella_domain::promotion::RunEnd;

use crate::given::{
    after, ask, deployed, deployed_with, end, evaluation, history, look, observe, states, undone, when,
};
use crate::support::promotion::{images, later, name, version, who};
use crate::support::run_id;

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

/// Releases that each bring one component, with when they came.
fn came(releases: &[(&'static str, &'static str, i64)]) -> Vec<EnvironmentCommand> {
    let one = |(number, (component, contents, minutes)): (usize, &(&'static str, &'static str, i64))| {
        let number = number as u128 + 1;
        let mut all = deployed_with(number, contents, vec![(*component, *contents)]);
        all.pop();
        all.push(EnvironmentCommand::EndRun {
            run: run_id(number),
            end: RunEnd::Succeeded,
            at: later(*minutes),
        });
        all
    };
    releases.iter().enumerate().flat_map(one).collect()
}

#[test]
fn an_image_runs_since_it_came_whatever_came_beside_it() {
    let since = |releases: &[(&'static str, &'static str, i64)], component: &str| {
        let running = after(came(releases)).running().unwrap();
        running.images[&name(component)].since
    };
    let beside = [("api", "api-1", 1), ("web", "web-2", 2), ("web", "web-3", 3)];
    assert_eq!(since(&beside, "api"), later(1));
    assert_eq!(since(&beside, "web"), later(3));
    let running = after(came(&beside)).running().unwrap();
    assert_eq!((running.release, running.since), (version("web-3"), later(3)));
    // What was away in between has run since it came back.
    let away = [
        ("api", "api-1", 1),
        ("api", "api-2", 2),
        ("api", "api-1", 3),
        ("web", "web-4", 4),
    ];
    assert_eq!(since(&away, "api"), later(3));
    assert_eq!(ServiceEnvironment::default().running(), None);
}

#[test]
fn since_when_all_is_well_is_known() {
    use Health::{Degraded, Healthy};
    let state = |more: &[EnvironmentCommand]| {
        let running = after([deployed(1, "1"), more.to_vec()].concat())
            .running()
            .unwrap();
        (running.healthy, running.well_since)
    };
    assert_eq!(state(&[]), (true, None));
    let ill = || observe(&[("api", "api:1", true)], Degraded);
    let fine = || observe(&[("api", "api:1", true)], Healthy);
    let changed = || observe(&[("api", "api:evil", false)], Healthy);
    for bad in [ill(), changed()] {
        assert_eq!(state(std::slice::from_ref(&bad)), (false, None));
        assert_eq!(state(&[bad.clone(), fine()]), (true, Some(later(9))));
        // What is brought to what was not well is a beginning as well.
        let mut next = deployed(2, "2");
        next.pop();
        next.push(EnvironmentCommand::EndRun {
            run: run_id(2),
            end: RunEnd::Succeeded,
            at: later(20),
        });
        assert_eq!(state(&[vec![bad], next].concat()), (true, Some(later(20))));
    }
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
