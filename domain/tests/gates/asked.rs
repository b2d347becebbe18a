//! What the request brings, and gates in Rego.

use opstella_domain::policy::{CustomGate, GateVerdict, PolicyRules, evaluate};
use opstella_domain::release::{Digest, Waiver};

use crate::given::{one, only, says};
use crate::support::promotion::{digest, gate, gate_input, waiver};

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

#[test]
fn a_waiver_of_a_custom_gate_is_of_its_module() {
    let with = |modules: &[&str]| {
        let custom = modules.iter().map(|rego| CustomGate {
            name: "licences".into(),
            rego: (*rego).into(),
        });
        PolicyRules {
            custom: custom.collect(),
            ..PolicyRules::default()
        }
    };
    let name = "custom:licences";
    let module = |modules: &[&str]| with(modules).module(&name.parse().unwrap());
    assert_eq!(module(&["a"]), Some(digest("a")));
    assert_eq!(module(&[]), None);
    let said = |modules: &[&str], of: Vec<Digest>| {
        let mut input = gate_input(vec![]);
        input.waivers = vec![Waiver {
            modules: of.into_iter().collect(),
            ..waiver(1, name, None)
        }];
        evaluate(&with(modules), &input, vec![gate(name, Failed)]).gates[0].verdict
    };
    assert_eq!(said(&["a"], vec![digest("a")]), Waived);
    assert_eq!(said(&["a"], vec![digest("b"), digest("a")]), Waived);
    assert_eq!(said(&["a"], vec![]), Waived, "it was not recorded");
    assert_eq!(said(&["b"], vec![digest("a")]), Failed, "replaced");
    // The project has one of the same name: both have to be what they were.
    assert_eq!(said(&["a", "b"], vec![digest("a")]), Failed);
    assert_eq!(said(&["a", "b"], vec![module(&["a", "b"]).unwrap()]), Waived);
}
