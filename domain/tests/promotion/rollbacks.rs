//! Going back.

use opstella_domain::Environment;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentEvent, PromotionKind};

use crate::given::{
    Ask, after, ask, back, deployed, deployed_with, done, evaluation, field, kinds, look, when,
};
use crate::support::promotion::{images, promotion_id, version};

use PromotionKind::Rollback;

#[test]
fn a_rollback_brings_back_all_that_ran_with_the_release() {
    let given = [
        deployed_with(1, "1", vec![("api", "api-1"), ("web", "web-1")]),
        deployed_with(2, "2", vec![("web", "web-2")]),
        deployed_with(3, "3", vec![("api", "api-3"), ("db", "db-3")]),
    ]
    .concat();
    // Release 2 has an image of `web` alone, which runs already: only with the `api` of its time is it back.
    let rollback = Ask {
        images: vec![("web", "web-2")],
        ..back(4, "2")
    };
    let given = [given, vec![rollback.into(), look(4, evaluation(&[])), done(4)]].concat();
    let environment = after(given);
    assert_eq!(environment.current.as_ref().unwrap().release, version("2"));
    let expected = images(&[("api", "api-1"), ("db", "db-3"), ("web", "web-2")]);
    assert_eq!(
        environment.images(),
        expected,
        "what is newer than the release stays"
    );
}

#[test]
fn a_rollback_goes_to_what_ran_here_before() {
    let given = || [deployed(1, "1"), deployed(2, "2")].concat();
    for release in ["2", "0.9"] {
        assert_eq!(field(when(given(), back(3, release))), "release");
    }
    assert_eq!(field(when(vec![], back(3, "1"))), "release");
    let event = when(given(), back(3, "1")).unwrap().remove(0);
    assert!(matches!(
        event,
        EnvironmentEvent::PromotionRequested { kind: Rollback, .. }
    ));
    // It came here once: it does not have to come from the environment before again.
    let gone = Ask {
        came_from: Some((Environment::Pre, false)),
        ..back(3, "1")
    };
    assert_eq!(kinds(when(given(), gone)), ["PromotionRequested"]);
    let EnvironmentCommand::Request { .. } = back(3, "1").into() else {
        panic!();
    };
    assert_eq!(EnvironmentCommand::from(back(3, "1")).name(), "Rollback");
}

#[test]
fn a_rollback_never_goes_forward_again() {
    let rolled_back = |number, release| {
        vec![
            back(number, release).into(),
            look(number, evaluation(&[])),
            done(number),
        ]
    };
    let three = || [deployed(1, "1"), deployed(2, "2"), deployed(3, "3")].concat();
    // 3 is withdrawn: from then on, it comes by a promotion or not at all.
    let second = [three(), rolled_back(4, "2")].concat();
    assert_eq!(field(when(second.clone(), back(5, "3"))), "release");
    assert_eq!(after(second.clone()).earlier().unwrap().release, version("1"));
    let first = [second, rolled_back(5, "1")].concat();
    for later in ["2", "3"] {
        assert_eq!(field(when(first.clone(), back(6, later))), "release");
    }
    assert!(after(first.clone()).earlier().is_none());
    assert_eq!(kinds(when(first.clone(), ask(6, "3"))), ["PromotionRequested"]);
    // That it was there again makes it no later.
    let again = [first, deployed(6, "3"), deployed(7, "4")].concat();
    assert_eq!(after(again.clone()).earlier().unwrap().release, version("3"));
    let third = [again, rolled_back(8, "3")].concat();
    assert_eq!(field(when(third.clone(), back(9, "4"))), "release");
    assert_eq!(kinds(when(third, back(9, "2"))), ["PromotionRequested"]);
}

#[test]
fn a_rollback_that_waited_until_it_would_go_forward_is_over() {
    let given = [
        [deployed(1, "1"), deployed(2, "2"), deployed(3, "3")].concat(),
        vec![
            back(4, "1").into(),
            back(5, "2").into(),
            look(4, evaluation(&[])),
            done(4),
        ],
    ]
    .concat();
    assert_eq!(after(given.clone()).in_flight.unwrap().id, promotion_id(5));
    assert_eq!(kinds(when(given, look(5, evaluation(&[])))), ["PromotionFailed"]);
}
