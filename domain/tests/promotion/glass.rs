//! Breaking the glass.

use opstella_domain::promotion::EnvironmentCommand;

use crate::given::{after, ask, confirm, field, key, kinds, override_freeze, override_these, state, when};
use crate::support::promotion::{held, later, promotion_id, who};

#[test]
fn breaking_the_glass_takes_two_people() {
    let given = || vec![ask(1, "1").into(), override_freeze(1)];
    assert_eq!(field(when(given(), confirm(1, "adam"))), "confirmer");
    assert_eq!(when(given(), override_freeze(1)), Ok(vec![]));
    let overridden =
        |given| after(given).in_flight.unwrap().overridden_freezes().to_vec() == [held("year end", 60)];
    assert!(!overridden(given()));
    assert_eq!(kinds(when(given(), confirm(1, "bob"))), ["FreezeOverridden"]);
    let confirmed = || [given(), vec![confirm(1, "bob")]].concat();
    assert!(overridden(confirmed()));
    assert_eq!(when(confirmed(), confirm(1, "carol")), Ok(vec![]));
}

#[test]
fn only_freezes_that_hold_are_overridden() {
    let given = || vec![ask(1, "1").into()];
    let (told, accepts) = state(when(given(), override_these(1, vec![])));
    assert!(told.starts_with("not held back by a freeze now"), "{told}");
    assert_eq!(accepts, ["Approve", "Reject", "CancelPromotion"]);
    // Once all have ended there is nothing to confirm.
    let late = |minutes| EnvironmentCommand::ConfirmFreezeOverride {
        key: key(),
        promotion: promotion_id(1),
        by: who("bob"),
        at: later(minutes),
    };
    let both = || override_these(1, vec![held("short", 5), held("long", 60)]);
    let asked = || [given(), vec![both()]].concat();
    assert_eq!(kinds(when(asked(), late(59))), ["FreezeOverridden"]);
    assert_eq!(state(when(asked(), late(60))).0, "not to override a freeze");
    // Less than was asked for is asked for already; more takes two people again.
    let confirmed = || [asked(), vec![confirm(1, "bob")]].concat();
    let one = override_these(1, vec![held("long", 60)]);
    assert_eq!(when(confirmed(), one), Ok(vec![]));
    let more = || override_these(1, vec![held("long", 60), held("new", 60)]);
    assert_eq!(kinds(when(confirmed(), more())), ["FreezeOverrideRequested"]);
    let again = after([confirmed(), vec![more()]].concat());
    assert!(again.in_flight.unwrap().overridden_freezes().is_empty());
}
