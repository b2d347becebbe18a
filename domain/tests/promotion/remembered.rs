//! What an environment remembers of what ran.

use opstella_domain::promotion::{EnvironmentCommand, Health, MAX_HISTORY, RunEnd};

use crate::given::{after, deployed, deployed_with, observe, release};
use crate::support::promotion::{images, later, version};
use crate::support::run_id;

#[test]
fn what_is_remembered_is_bounded() {
    let all = (0..MAX_HISTORY + 5).flat_map(|n| deployed(n as u128, release(n)));
    let environment = after(all.collect());
    assert_eq!(environment.history.len(), MAX_HISTORY);
    assert!(!environment.has_run(&version("4")) && environment.has_run(&version("5")));
    assert_eq!(environment.history.back(), environment.current.as_ref());
}

#[test]
fn what_ran_for_a_while_is_remembered_but_for_deployments_and_what_was_changed_by_hand() {
    let deploys = |number, release, web, minutes| {
        let images = vec![("api", "api-1"), ("web", web)];
        let mut commands = deployed_with(number, release, images)[..2].to_vec();
        if let EnvironmentCommand::Evaluate { at, .. } = &mut commands[1] {
            *at = later(minutes);
        }
        commands
    };
    let ends = |number, end, minutes| {
        vec![EnvironmentCommand::EndRun {
            run: run_id(number),
            end,
            at: later(minutes),
        }]
    };
    let seen = |api: &str, right, minutes| {
        let mut seen = observe(&[("api", api, right), ("web", "web:2", true)], Health::Healthy);
        if let EnvironmentCommand::Observe { at, .. } = &mut seen {
            *at = later(minutes);
        }
        vec![seen]
    };
    let undone = RunEnd::Undone {
        cause: "it fell ill".into(),
        changed: true,
        left_behind: false,
    };
    let environment = after(
        [
            deploys(1, "1", "web-1", 0),
            ends(1, RunEnd::Succeeded, 10),
            deploys(2, "2", "web-2", 20),
            ends(2, RunEnd::Succeeded, 25),
            deploys(3, "3", "web-3", 30),
            ends(3, undone, 35),
            seen("api:evil", false, 50),
            seen("api:1", true, 60),
            seen("api:evil", false, 70),
            deploys(4, "4", "web-4", 80),
        ]
        .concat(),
    );
    let first = || images(&[("api", "api-1"), ("web", "web-1")]);
    let second = || images(&[("api", "api-1"), ("web", "web-2")]);
    let (some, none) = (images(&[("web", "web-2")]), images(&[]));
    for (from, to, ran) in [
        (0, 5, &none),
        (5, 12, &none),
        (10, 19, &first()),
        (15, 20, &none),
        (12, 22, &none),
        (21, 23, &none),
        (12, 27, &none),
        (25, 29, &second()),
        // A deployment that did not succeed was there too.
        (28, 36, &none),
        (31, 33, &none),
        (35, 49, &second()),
        // So was what somebody changed by hand, and put right.
        (45, 55, &none),
        (60, 69, &second()),
        (65, 75, &some),
        (76, 79, &some),
        (76, 80, &none),
    ] {
        assert_eq!(
            &environment.ran_through(later(from), later(to)),
            ran,
            "{from} to {to}"
        );
    }
}
