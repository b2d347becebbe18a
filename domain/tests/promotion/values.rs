//! Limits of what people write, and ids.

use opstella_domain::RunId;
use opstella_domain::policy::{Approval, ApproverRole};
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentKey, PromotionId};

use crate::given::{approve, ask, evaluation, field, key, kinds, look, when};
use crate::support::promotion::{approval, held, promotion_id, who};
use crate::support::run_id;

use ApproverRole::Owner;

#[test]
fn reasons_and_comments_have_limits() {
    let given = || vec![ask(1, "1").into(), look(1, evaluation(&[(Owner, 1)]))];
    for wrong in [" ".to_owned(), "x".repeat(501)] {
        let reason = || wrong.clone();
        let (key, promotion, by) = (key(), promotion_id(1), who("sam"));
        let commands = [
            EnvironmentCommand::Reject {
                key: key.clone(),
                promotion,
                by: by.clone(),
                reason: reason(),
            },
            EnvironmentCommand::Cancel {
                key: key.clone(),
                promotion,
                by: by.clone(),
                reason: reason(),
            },
            EnvironmentCommand::OverrideFreeze {
                key,
                promotion,
                by,
                reason: reason(),
                freezes: vec![held("year end", 60)],
            },
        ];
        for command in commands {
            assert_eq!(field(when(given(), command)), "reason");
        }
    }
    let commented = |length| Approval {
        comment: Some("é".repeat(length)),
        ..approval("olga", &[Owner])
    };
    assert_eq!(field(when(given(), approve(1, commented(501)))), "comment");
    assert_eq!(
        kinds(when(given(), approve(1, commented(500)))),
        ["PromotionApproved"]
    );
}

#[test]
fn ids_are_read_back_as_they_are_written() {
    let id: PromotionId = promotion_id(7).to_string().parse().unwrap();
    assert_eq!(id, promotion_id(7));
    assert_eq!(key().to_string().parse::<EnvironmentKey>().unwrap(), key());
    for wrong in [
        "",
        "payments/PRD",
        "payments/checkout",
        "payments/checkout/XXX",
        "a/b/c/PRD",
    ] {
        assert!(wrong.parse::<EnvironmentKey>().is_err(), "{wrong}");
    }
    assert_ne!(run_id(1), RunId(uuid::Uuid::nil()));
}
