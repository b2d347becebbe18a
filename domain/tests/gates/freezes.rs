//! Freezes, and overrides of them.

use opstella_domain::policy::{Freeze, FreezeWindow, GateVerdict, WeekTime, evaluate};

use crate::given::{freeze, one, only, says};
use crate::support::promotion::{gate_input, later, time, waiver};

use GateVerdict::{Passed, Waiting as Waited, Waived};

#[test]
fn a_freeze_holds_until_it_ends_or_two_admins_override_it() {
    let rules = only(|r| r.freezes = vec![freeze("long", 20), freeze("short", 5), freeze("over", 0)]);
    let mut input = gate_input(vec![]);
    let waits = one(&rules, &input);
    says(&waits, Waited, "the freeze `long` holds");
    assert_eq!(waits.opens_at, Some(later(20)));
    // Security has no say in it.
    input.waivers = vec![waiver(1, "no-freeze", None)];
    assert_eq!(one(&rules, &input).verdict, Waited);
    let second = waits.remedy.unwrap();
    assert!(second.contains("a second platform admin"), "{second}");
    input.waivers = vec![];
    input.overridden_freezes = rules.freezes_held(input.at);
    assert_eq!(input.overridden_freezes.len(), 2);
    says(
        &one(&rules, &input),
        Waived,
        "the freeze `long` was overridden by two platform admins",
    );
    input.overridden_freezes = vec![];
    input.at = later(20);
    says(
        &evaluate(&rules, &input, vec![]).gates[0],
        Passed,
        "no freeze holds",
    );
}

#[test]
fn an_override_is_of_the_freezes_that_held_and_of_no_others() {
    let rules = only(|r| r.freezes = vec![freeze("first", 20)]);
    let mut input = gate_input(vec![]);
    input.overridden_freezes = rules.freezes_held(input.at);
    assert_eq!(one(&rules, &input).verdict, Waived);
    // One that is set meanwhile, also under the same name.
    for name in ["second", "first"] {
        let more = only(|r| r.freezes = vec![freeze("first", 20), freeze(name, 15)]);
        let waits = one(&more, &input);
        says(&waits, Waited, &format!("the freeze `{name}` holds"));
        assert_eq!(waits.opens_at, Some(later(15)));
    }
    // One that comes again: next week's is another.
    let monday = |hour: u32| WeekTime {
        day: 1,
        time: chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap(),
    };
    let weekly = FreezeWindow {
        when: Freeze::Weekly {
            from: monday(8),
            to: monday(18),
        },
        ..freeze("weekly", 0)
    };
    let rules = only(|r| r.freezes = vec![weekly.clone()]);
    input.at = time("2026-01-05T12:00:00Z");
    input.overridden_freezes = rules.freezes_held(input.at);
    assert_eq!(one(&rules, &input).verdict, Waived);
    input.at = time("2026-01-12T12:00:00Z");
    assert_eq!(one(&rules, &input).verdict, Waited);
}
