//! What the request brings, and gates in Rego.

use opstella_domain::policy::{CustomGate, GateVerdict, evaluate};

use crate::given::{one, only, says};
use crate::support::promotion::{gate, gate_input, waiver};

use GateVerdict::{Failed, Passed, Waived};

#[test]
fn a_change_is_named() {
    let rules = only(|r| r.change_reference = true);
    let mut input = gate_input(vec![]);
    says(&one(&rules, &input), Passed, "change CHG1");
    input.change_reference = None;
    input.waivers = vec![waiver(1, "change-reference", None)];
    says(&one(&rules, &input), Failed, "the promotion names no change");
}

#[test]
fn a_custom_gate_says_what_it_was_told_and_is_closed_where_it_was_not() {
    let custom = CustomGate {
        name: "licences".into(),
        rego: "package opstella.gate".into(),
    };
    let rules = only(|r| r.custom = vec![custom]);
    let mut input = gate_input(vec![]);
    let told = evaluate(&rules, &input, vec![gate("custom:licences", Passed)]);
    assert!(told.open());
    let denied = || vec![gate("custom:licences", Failed)];
    assert!(!evaluate(&rules, &input, denied()).open());
    says(&one(&rules, &input), Failed, "it was not looked at");
    assert_eq!(one(&rules, &input).gate.as_str(), "custom:licences");
    input.waivers = vec![waiver(1, "custom:licences", None)];
    assert_eq!(evaluate(&rules, &input, denied()).gates[0].verdict, Waived);
}
