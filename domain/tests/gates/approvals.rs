//! People.

use opstella_domain::policy::{Approval, ApprovalRule, ApproverRole, GateVerdict, approval_gate};

use crate::support::promotion::{approval, roles};

use GateVerdict::{Passed, Waiting as Waited};

fn rule(of: &[ApproverRole], people: u8) -> ApprovalRule {
    ApprovalRule {
        roles: roles(of),
        people,
    }
}

#[test]
fn approvals_are_counted_by_person_for_each_rule() {
    use ApproverRole::{Owner, Security, Tester};
    let gate = |rules: &[ApprovalRule], approvals: &[Approval]| {
        let gate = approval_gate(rules, approvals, false).unwrap();
        assert_eq!(gate.remedy.is_some(), gate.verdict == Waited);
        (gate.verdict, gate.reason)
    };
    assert!(approval_gate(&[], &[approval("a", &[Owner])], true).is_none());
    let two = [rule(&[Owner, Security], 2)];
    assert_eq!(
        gate(&two, &[]),
        (
            Waited,
            "approvals are missing: 2 by owner or security (there are 0)".into()
        )
    );
    let twice = [approval("a", &[Owner]), approval("a", &[Security])];
    assert_eq!(gate(&two, &twice).0, Waited, "one person is one");
    let of_another = [approval("a", &[Owner]), approval("b", &[Tester])];
    assert_eq!(gate(&two, &of_another).0, Waited);
    let all = [
        approval("a", &[Owner]),
        approval("b", &[Security]),
        approval("c", &[Tester]),
    ];
    assert_eq!(gate(&two, &all), (Passed, "approved by a, b".into()));
    let both = [rule(&[Tester], 1), rule(&[Security], 1)];
    assert_eq!(gate(&both, &[approval("a", &[Tester, Security])]).0, Passed);
    assert_eq!(
        gate(&both, &[approval("a", &[Tester])]).1,
        "approvals are missing: 1 by security (there are 0)"
    );
}

#[test]
fn what_is_asked_of_approvers_is_said() {
    let rules = [rule(&[ApproverRole::Owner], 1)];
    let remedy = |independent| approval_gate(&rules, &[], independent).unwrap().remedy.unwrap();
    assert!(remedy(true).contains("wrote") && !remedy(false).contains("wrote"));
}
