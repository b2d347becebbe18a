//! Who approves, when that counts, and when the deployment starts.

use opstella_domain::Environment;
use opstella_domain::policy::{Approval, ApproverRole, Evaluation, PolicyRules, PolicyVersions};
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentEvent, Members};

use crate::given::{after, approve, ask, cancel, evaluation, field, kinds, look, state, when};
use crate::support::promotion::{approval, digest, promotion_id, who};
use crate::support::{at, run_id};

use ApproverRole::{Approver, Owner, Security, Tester};

#[test]
fn a_requester_does_not_approve_and_an_approver_has_a_role() {
    let given = || vec![ask(1, "1").into(), look(1, evaluation(&[(Owner, 1)]))];
    assert_eq!(
        field(when(given(), approve(1, approval("rita", &[Owner])))),
        "approver"
    );
    assert_eq!(
        field(when(given(), approve(1, approval("olga", &[])))),
        "approver"
    );
}

#[test]
fn an_approval_is_given_once_and_changes_with_its_roles() {
    let given = || {
        vec![
            ask(1, "1").into(),
            look(1, evaluation(&[(Owner, 1)])),
            approve(1, approval("olga", &[Tester])),
        ]
    };
    assert_eq!(when(given(), approve(1, approval("olga", &[Tester]))), Ok(vec![]));
    let more = [given(), vec![approve(1, approval("olga", &[Owner]))]].concat();
    let promotion = after(more).in_flight.unwrap();
    assert_eq!(promotion.approvals, [approval("olga", &[Owner])]);
}

#[test]
fn it_deploys_once_gates_are_open_and_approvals_there() {
    let two = || evaluation(&[(Approver, 2)]);
    let mut given = vec![
        ask(1, "1").into(),
        look(1, two()),
        approve(1, approval("olga", &[Approver])),
    ];
    assert_eq!(kinds(when(given.clone(), look(1, two()))), ["GatesEvaluated"]);
    given.push(look(1, two()));
    assert_eq!(
        when(given.clone(), look(1, two())),
        Ok(vec![]),
        "nothing new, nothing said"
    );
    given.push(approve(1, approval("oscar", &[Approver])));
    let events = when(given, look(1, two())).unwrap();
    let started = EnvironmentEvent::DeploymentStarted {
        promotion: promotion_id(1),
        run: run_id(1),
        at: Some(at()),
    };
    assert_eq!(events[1], started);
    let EnvironmentEvent::GatesEvaluated { gates, .. } = &events[0] else {
        panic!("{events:?}");
    };
    assert_eq!(gates.last().unwrap().reason, "approved by olga, oscar");
}

#[test]
fn an_approval_counts_while_its_giver_holds_the_role() {
    let wanted = || evaluation(&[(Tester, 1)]);
    let as_member = Approval {
        by_token: [].into(),
        ..approval("tina", &[Tester, Owner])
    };
    let by_token = approval("tina", &[Tester]);
    let with = |approval: &Approval, members: Members| {
        let again = EnvironmentCommand::Evaluate {
            promotion: promotion_id(1),
            evaluation: Box::new(wanted()),
            members,
            came_from: None,
            run: run_id(1),
            at: at(),
        };
        after(vec![
            ask(1, "1").into(),
            look(1, wanted()),
            approve(1, approval.clone()),
            again,
        ])
        .in_flight
        .unwrap()
    };
    let member = |role| Members::from([(who("tina"), [role].into())]);
    assert!(with(&as_member, member(Tester)).run.is_some());
    for members in [
        Members::new(),
        member(Owner),
        Members::from([(who("bob"), [Tester].into())]),
    ] {
        let promotion = with(&as_member, members);
        assert_eq!(promotion.run, None);
        let reason = &promotion.gates.last().unwrap().reason;
        assert_eq!(reason, "approvals are missing: 1 by tester (there are 0)");
    }
    // What the issuer took back, the next token would tell.
    assert!(with(&by_token, Members::new()).run.is_some());
}

#[test]
fn one_who_holds_the_role_otherwise_by_now_approves_again() {
    let as_member = Approval {
        by_token: [].into(),
        ..approval("tina", &[Tester])
    };
    let given = || {
        vec![
            ask(1, "1").into(),
            look(1, evaluation(&[(Tester, 2)])),
            approve(1, as_member.clone()),
        ]
    };
    assert_eq!(
        kinds(when(given(), approve(1, approval("tina", &[Tester])))),
        ["PromotionApproved"]
    );
    let again = when(given(), approve(1, as_member.clone())).unwrap();
    assert!(again.is_empty(), "the same twice is nothing new");
}

#[test]
fn approvals_are_void_when_what_they_rest_on_changes() {
    let before = || evaluation(&[(Owner, 1)]);
    let given = || {
        vec![
            ask(1, "1").into(),
            look(1, before()),
            approve(1, approval("olga", &[Owner])),
        ]
    };
    let another = Evaluation {
        basis: digest("another"),
        policy: PolicyVersions {
            platform: 2,
            project: 0,
        },
        ..before()
    };
    let events = when(given(), look(1, another.clone()));
    assert_eq!(kinds(events), ["ApprovalsVoided", "GatesEvaluated"]);
    let voided = after([given(), vec![look(1, another.clone())]].concat());
    assert!(voided.in_flight.as_ref().unwrap().approvals.is_empty());
    // Back to what it was: they stay void; who means it, says it again.
    let there = [given(), vec![look(1, another), look(1, before())]].concat();
    assert!(after(there).in_flight.unwrap().run.is_none());
    // Where nobody approved, there is nothing to void.
    let none = vec![ask(1, "1").into(), look(1, before())];
    let changed = Evaluation {
        basis: digest("x"),
        ..before()
    };
    assert_eq!(kinds(when(none, look(1, changed))), ["GatesEvaluated"]);
}

#[test]
fn one_that_is_taken_up_starts_without_approvals() {
    let given = vec![
        ask(1, "1").into(),
        ask(2, "2").into(),
        // Not in flight: it is not looked at.
        look(2, evaluation(&[])),
        cancel(1),
    ];
    let promotion = after(given.clone()).in_flight.unwrap();
    assert_eq!(
        (promotion.id, promotion.basis, promotion.run),
        (promotion_id(2), None, None)
    );
    assert_eq!(
        state(when(given, approve(2, approval("olga", &[Owner])))).0,
        "not evaluated yet"
    );
}

#[test]
fn security_alone_does_not_make_two() {
    let rules = PolicyRules::default_for(Environment::Prd);
    let two = Evaluation {
        approvals: rules.approvals,
        ..evaluation(&[])
    };
    let mut given = vec![
        ask(1, "1").into(),
        look(1, two.clone()),
        approve(1, approval("sam", &[Security, Owner, Approver])),
        look(1, two.clone()),
    ];
    assert!(after(given.clone()).in_flight.unwrap().run.is_none());
    given.extend([approve(1, approval("tom", &[Tester])), look(1, two.clone())]);
    assert!(after(given.clone()).in_flight.unwrap().run.is_none());
    given.extend([approve(1, approval("olga", &[Owner])), look(1, two)]);
    assert!(after(given).in_flight.unwrap().run.is_some());
}
