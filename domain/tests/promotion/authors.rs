//! Those who wrote what is in the release.

use opstella_domain::policy::{Approval, ApproverRole, Evaluation};
use opstella_domain::promotion::EnvironmentCommand;

use crate::given::{after, approve, ask, evaluation, field, kinds, look, when};
use crate::support::promotion::{approval, who};

use ApproverRole::Owner;

#[test]
fn an_author_approves_only_where_approvers_need_not_be_independent() {
    let of = |independent| Evaluation {
        independent_approvers: independent,
        ..evaluation(&[(Owner, 1)])
    };
    let given = |independent| vec![ask(1, "1").into(), look(1, of(independent))];
    let alice = || approve(1, approval("alice", &[Owner]));
    assert_eq!(kinds(when(given(false), alice())), ["PromotionApproved"]);
    assert_eq!(field(when(given(true), alice())), "approver");
    // Also where CI named the author as GitLab does.
    let by_name = Approval {
        name: Some("alice".to_owned()),
        ..approval("019f-sub-of-alice", &[Owner])
    };
    assert_eq!(field(when(given(true), approve(1, by_name))), "approver");
    // GitLab keeps the case of names, Keycloak does not.
    let shouted = Approval {
        name: Some("ALICE".to_owned()),
        ..approval("019f-sub-of-alice", &[Owner])
    };
    assert_eq!(field(when(given(true), approve(1, shouted))), "approver");
    // Who has no name cannot be told from an author.
    let nameless = Approval {
        name: None,
        ..approval("019f-sub-of-nobody", &[Owner])
    };
    assert_eq!(
        kinds(when(given(false), approve(1, nameless.clone()))),
        ["PromotionApproved"]
    );
    assert_eq!(field(when(given(true), approve(1, nameless))), "approver");
    // Somebody else may, and the requester may not, either way.
    let olga = approve(1, approval("olga", &[Owner]));
    assert_eq!(kinds(when(given(true), olga)), ["PromotionApproved"]);
}

#[test]
fn an_authors_approval_does_not_count_once_approvers_have_to_be_independent() {
    for independent in [false, true] {
        let of = |independent| Evaluation {
            independent_approvers: independent,
            ..evaluation(&[(Owner, 1)])
        };
        let given = vec![
            ask(1, "1").into(),
            look(1, of(false)),
            approve(1, approval("alice", &[Owner])),
        ];
        let events = after([given, vec![look(1, of(independent))]].concat());
        let promotion = events.in_flight.unwrap();
        assert_eq!(promotion.run.is_some(), !independent);
        assert_eq!(promotion.independent_approvers, independent);
        let gate = promotion.gates.last().unwrap();
        let says_why = gate
            .remedy
            .as_ref()
            .is_some_and(|r| r.contains("wrote what is in the release"));
        assert_eq!(says_why, independent);
    }
}

#[test]
fn one_without_a_name_is_compared_with_authors_that_are_known_by_ids() {
    let independent = || Evaluation {
        independent_approvers: true,
        ..evaluation(&[(Owner, 1)])
    };
    let ask = |author: &str| {
        let mut asked = ask(1, "1").into();
        if let EnvironmentCommand::Request { authors, .. } = &mut asked {
            *authors = [who(author)].into();
        }
        asked
    };
    let (alice, olga) = (
        "0193a5b2-7c1d-7e3f-8a4b-5c6d7e8f9a0b",
        "0193A5B2-7c1d-7e3f-8a4b-000000000000",
    );
    let nameless = |by| Approval {
        name: None,
        ..approval(by, &[Owner])
    };
    let given = |author| vec![ask(author), look(1, independent())];
    assert_eq!(
        kinds(when(given(alice), approve(1, nameless(olga)))),
        ["PromotionApproved"]
    );
    assert_eq!(field(when(given(alice), approve(1, nameless(alice)))), "approver");
    assert_eq!(
        field(when(given("alice"), approve(1, nameless(olga)))),
        "approver"
    );
    // Given before approvers had to be independent, it does not count either.
    let before = vec![
        ask("alice"),
        look(1, evaluation(&[(Owner, 1)])),
        approve(1, nameless(olga)),
    ];
    assert_eq!(
        after([before, vec![look(1, independent())]].concat())
            .in_flight
            .unwrap()
            .run,
        None
    );
}
