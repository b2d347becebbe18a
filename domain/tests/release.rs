//! Every command of a release in every state, and waivers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use chrono::TimeDelta;
use cqrs_es::test::TestFramework;
use opstella_domain::release::{
    LONGEST_WAIVER_DAYS, Release, ReleaseCommand, ReleaseEvent, ReleaseImage, Waiver, WaiverId,
};
use opstella_domain::{Decide, DomainError, Subject};
use support::promotion::{image, name, release_key, waiver, who};
use support::{at, run_id};

fn register(images: Vec<ReleaseImage>) -> ReleaseCommand {
    ReleaseCommand::Register {
        key: release_key(),
        images,
        author: who("alice"),
        co_authors: [].into(),
        components: vec![name("api"), name("web")],
        incarnation: Some(run_id(1)),
        at: at(),
    }
}

fn registered(images: Vec<ReleaseImage>) -> ReleaseEvent {
    ReleaseEvent::ReleaseRegistered {
        key: release_key(),
        images,
        author: who("alice"),
        co_authors: [].into(),
        incarnation: Some(run_id(1)),
    }
}

fn sealed() -> ReleaseEvent {
    ReleaseEvent::ReleaseSealed { key: release_key() }
}

fn grant(waiver: Waiver) -> ReleaseCommand {
    ReleaseCommand::GrantWaiver {
        key: release_key(),
        waiver,
        at: at(),
    }
}

fn revoke(number: u128) -> ReleaseCommand {
    ReleaseCommand::RevokeWaiver {
        key: release_key(),
        waiver: WaiverId(uuid::Uuid::from_u128(number)),
        reason: "mended".into(),
    }
}

fn seal() -> ReleaseCommand {
    ReleaseCommand::Seal { key: release_key() }
}

fn when(given: &[ReleaseEvent], command: ReleaseCommand) -> Result<Vec<ReleaseEvent>, DomainError> {
    TestFramework::<Release>::with(())
        .given(given.to_vec())
        .when(command)
        .inspect_result()
}

fn field(given: &[ReleaseEvent], command: ReleaseCommand) -> String {
    match when(given, command) {
        Err(DomainError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

const GATE: &str = "no-critical-vulnerability";

/// Unknown, open, sealed by hand, sealed by being complete.
fn states() -> [Vec<ReleaseEvent>; 4] {
    let api = || vec![image("api", "api-1")];
    let both = vec![image("api", "api-1"), image("web", "web-1")];
    [
        vec![],
        vec![registered(api())],
        vec![registered(api()), sealed()],
        vec![registered(both), sealed()],
    ]
}

#[test]
fn every_command_in_every_state() {
    let unknown = || {
        Err(DomainError::NotFound {
            kind: "release",
            id: release_key().to_string(),
        })
    };
    for (index, state) in states().into_iter().enumerate() {
        let there = index > 0;
        let granted = ReleaseEvent::WaiverGranted {
            waiver: waiver(1, GATE, None),
        };
        let expected = if there {
            Ok(vec![granted.clone()])
        } else {
            unknown()
        };
        assert_eq!(when(&state, grant(waiver(1, GATE, None))), expected, "{index}");

        let no_such = Err(DomainError::NotFound {
            kind: "waiver",
            id: waiver(1, GATE, None).id.to_string(),
        });
        let expected = if there { no_such } else { unknown() };
        assert_eq!(when(&state, revoke(1)), expected, "{index}");

        let expected = match index {
            0 => unknown(),
            1 => Ok(vec![sealed()]),
            _ => Ok(vec![]),
        };
        assert_eq!(when(&state, seal()), expected, "{index}");

        let web = vec![image("web", "web-1")];
        let expected = match index {
            0 => Ok(vec![registered(web.clone())]),
            1 => Ok(vec![
                ReleaseEvent::ReleaseImagesAdded {
                    images: web.clone(),
                    author: who("alice"),
                    co_authors: [].into(),
                },
                sealed(),
            ]),
            2 => Err(DomainError::WrongState {
                kind: "release",
                id: release_key().to_string(),
                state: "sealed".into(),
                command: "RegisterRelease",
                accepts: vec!["GrantWaiver", "RevokeWaiver", "AddEvidence"],
            }),
            _ => Ok(vec![]),
        };
        assert_eq!(when(&state, register(web)), expected, "{index}");
    }
}

#[test]
fn a_release_with_all_images_is_sealed_by_itself() {
    let both = vec![image("api", "api-1"), image("web", "web-1")];
    assert_eq!(
        when(&[], register(both.clone())),
        Ok(vec![registered(both), sealed()])
    );
}

#[test]
fn the_same_again_changes_nothing() {
    for state in &states()[1..] {
        assert_eq!(when(state, register(vec![image("api", "api-1")])), Ok(vec![]));
        let granted = ReleaseEvent::WaiverGranted {
            waiver: waiver(1, GATE, None),
        };
        let with = [state.clone(), vec![granted.clone()]].concat();
        assert_eq!(when(&with, grant(waiver(1, GATE, None))), Ok(vec![]));
        // Also once it has expired: the repeat of a command that was taken is not refused.
        let late = ReleaseCommand::GrantWaiver {
            key: release_key(),
            waiver: waiver(1, GATE, None),
            at: at() + TimeDelta::days(2),
        };
        assert_eq!(when(&with, late), Ok(vec![]));
    }
}

#[test]
fn an_image_of_a_release_never_changes() {
    for state in &states()[1..] {
        for other in [
            image("api", "api-2"),
            ReleaseImage {
                pipeline: Some("https://gitlab.example/1".into()),
                ..image("api", "api-1")
            },
        ] {
            let taken = DomainError::AlreadyExists {
                kind: "image of the release",
                id: "payments/checkout/1.0.0/api".into(),
            };
            assert_eq!(when(state, register(vec![other])), Err(taken));
        }
    }
}

#[test]
fn everybody_who_added_images_is_an_author() {
    let mut release = Release::default();
    let add = |author: Subject, co_authors: &[&str], images| ReleaseCommand::Register {
        key: release_key(),
        images,
        author,
        co_authors: co_authors.iter().map(|name| who(name)).collect(),
        components: vec![name("api"), name("web")],
        incarnation: Some(run_id(1)),
        at: at(),
    };
    for command in [
        add(who("alice"), &["carol"], vec![image("api", "api-1")]),
        add(who("bob"), &["alice", "dan"], vec![image("web", "web-1")]),
    ] {
        for event in release.decide(command).unwrap() {
            release.evolve(event);
        }
    }
    assert_eq!(release.authors, ["alice", "bob", "carol", "dan"].map(who).into());
    assert_eq!(release.digests().len(), 2);
    assert!(release.sealed);
    let many: Vec<String> = (0..101).map(|number| format!("author-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = Release::default().decide(add(who("alice"), &many, vec![image("api", "api-1")]));
    assert!(matches!(refused, Err(DomainError::Invalid { field, .. }) if field == "authors"));
}

/// The same images as alice registered, by others.
fn again(author: &str, co_authors: &[&str]) -> ReleaseCommand {
    match register(vec![image("api", "api-1")]) {
        ReleaseCommand::Register {
            key,
            images,
            components,
            incarnation,
            at,
            ..
        } => ReleaseCommand::Register {
            key,
            images,
            author: who(author),
            co_authors: co_authors.iter().map(|name| who(name)).collect(),
            components,
            incarnation,
            at,
        },
        other => other,
    }
}

#[test]
fn authors_who_are_named_later_are_authors_also_where_the_images_are_known() {
    let open = [registered(vec![image("api", "api-1")])];
    let named = ReleaseEvent::ReleaseImagesAdded {
        images: vec![],
        author: who("alice"),
        co_authors: [who("bob")].into(),
    };
    assert_eq!(when(&open, again("alice", &["bob"])), Ok(vec![named.clone()]));
    let open = [open[0].clone(), named];
    let mut release = Release::default();
    open.iter().for_each(|event| release.evolve(event.clone()));
    assert_eq!(release.authors, ["alice", "bob"].map(who).into());
    assert!(!release.sealed && release.digests().len() == 1);
    for (author, others) in [("alice", &["bob"][..]), ("bob", &[]), ("alice", &[])] {
        assert_eq!(when(&open, again(author, others)), Ok(vec![]), "{author}");
    }
    // Once it is sealed, somebody may have approved it: it does not change, and nobody is dropped in silence.
    let sealed = [open.to_vec(), vec![sealed()]].concat();
    assert_eq!(when(&sealed, again("bob", &["alice"])), Ok(vec![]));
    let Err(DomainError::WrongState { state, .. }) = when(&sealed, again("dan", &["carol", "bob"])) else {
        panic!("an author is dropped")
    };
    assert_eq!(state, "sealed, and not with carol, dan among its authors");
}

#[test]
fn a_service_made_anew_has_none_of_the_releases_before() {
    let of = |run, images| match register(images) {
        ReleaseCommand::Register {
            key,
            images,
            author,
            co_authors,
            components,
            at,
            ..
        } => ReleaseCommand::Register {
            key,
            images,
            author,
            co_authors,
            components,
            incarnation: run,
            at,
        },
        other => other,
    };
    let both = |contents: &str| vec![image("api", contents), image("web", contents)];
    let before = [
        registered(both("1")),
        sealed(),
        ReleaseEvent::WaiverGranted {
            waiver: waiver(1, GATE, None),
        },
    ];
    let another = || {
        Err(DomainError::AlreadyExists {
            kind: "image of the release",
            id: format!("{}/api", release_key()),
        })
    };
    assert_eq!(when(&before, of(Some(run_id(1)), both("2"))), another());
    // With other images, or the same: it is registered, and so it goes to DEV.
    for contents in ["2", "1"] {
        let anew = ReleaseEvent::ReleaseRegistered {
            key: release_key(),
            images: both(contents),
            author: who("alice"),
            co_authors: [].into(),
            incarnation: Some(run_id(2)),
        };
        assert_eq!(
            when(&before, of(Some(run_id(2)), both(contents))),
            Ok(vec![anew.clone(), sealed()])
        );
        let mut release = Release::default();
        before
            .iter()
            .cloned()
            .chain([anew])
            .for_each(|event| release.evolve(event));
        assert!(!release.sealed && release.waivers.is_empty());
        assert!(release.is_of(Some(run_id(2))) && !release.is_of(Some(run_id(1))));
    }
    // Of one that was registered before that was recorded, nobody can tell.
    let mut unknown = before.to_vec();
    if let ReleaseEvent::ReleaseRegistered { incarnation, .. } = &mut unknown[0] {
        *incarnation = None;
    }
    assert_eq!(when(&unknown, of(Some(run_id(2)), both("1"))), Ok(vec![]));
}

#[test]
fn limits_of_registration_name_the_field() {
    let api = || image("api", "api-1");
    assert_eq!(field(&[], register(vec![])), "components");
    let three = vec![api(), image("web", "w"), image("db", "d")];
    assert_eq!(field(&[], register(three)), "components");
    assert_eq!(field(&[], register(vec![api(), api()])), "components[1].name");
    assert_eq!(field(&[], register(vec![image("db", "d")])), "components[0].name");
    let long = format!("https://{}", "x".repeat(2041));
    for link in ["ftp://x", "javascript:alert(1)", "", &long] {
        let wrong = ReleaseImage {
            pipeline: Some(link.into()),
            ..api()
        };
        assert_eq!(field(&[], register(vec![wrong])), "components[0].pipeline");
    }
    let fits = ReleaseImage {
        pipeline: Some(long[..2048].to_owned()),
        ..api()
    };
    assert!(when(&[], register(vec![fits])).is_ok());
    // The clock of whoever committed may be a little ahead.
    let committed = |minutes| {
        let committed_at = Some(at() + TimeDelta::minutes(minutes));
        register(vec![ReleaseImage {
            committed_at,
            ..api()
        }])
    };
    assert_eq!(field(&[], committed(6)), "components[0].committed_at");
    for minutes in [-525_600, 0, 5] {
        assert!(when(&[], committed(minutes)).is_ok(), "{minutes}");
    }
}

#[test]
fn a_waiver_has_a_reason_an_end_and_a_gate_that_is_securitys() {
    let [_, _, _, state] = states();
    let with = |change: fn(&mut Waiver)| {
        let mut waiver = waiver(1, GATE, None);
        change(&mut waiver);
        grant(waiver)
    };
    assert_eq!(field(&state, with(|w| w.reason = " ".into())), "reason");
    assert_eq!(field(&state, with(|w| w.reason = "x".repeat(501))), "reason");
    assert_eq!(field(&state, with(|w| w.expires_at = at())), "expires_at");
    let too_long = |w: &mut Waiver| {
        w.expires_at = at() + TimeDelta::days(LONGEST_WAIVER_DAYS) + TimeDelta::seconds(1);
    };
    assert_eq!(field(&state, with(too_long)), "expires_at");
    let longest = |w: &mut Waiver| w.expires_at = at() + TimeDelta::days(LONGEST_WAIVER_DAYS);
    assert!(when(&state, with(longest)).is_ok());
    assert_eq!(field(&state, with(|w| w.finding = Some(" ".into()))), "finding");
    assert_eq!(
        field(&state, with(|w| w.finding = Some("x".repeat(121)))),
        "finding"
    );
    for gate in ["approvals", "no-freeze", "change-reference"] {
        assert_eq!(field(&state, grant(waiver(1, gate, None))), "gate");
        assert_eq!(field(&state, grant(waiver(1, gate, Some("x")))), "gate");
    }
    assert!(when(&state, grant(waiver(1, "custom:licences", None))).is_ok());
}

#[test]
fn a_waiver_counts_until_it_expires() {
    let waiver = waiver(1, GATE, None);
    assert!(waiver.counts(waiver.expires_at - TimeDelta::nanoseconds(1)));
    assert!(!waiver.counts(waiver.expires_at));
}

#[test]
fn a_waiver_is_revoked_with_a_reason() {
    let [_, _, _, mut state] = states();
    state.push(ReleaseEvent::WaiverGranted {
        waiver: waiver(1, GATE, None),
    });
    let revoked = ReleaseEvent::WaiverRevoked {
        waiver: waiver(1, GATE, None).id,
        reason: "mended".into(),
    };
    assert_eq!(when(&state, revoke(1)), Ok(vec![revoked.clone()]));
    let silent = ReleaseCommand::RevokeWaiver {
        key: release_key(),
        waiver: waiver(1, GATE, None).id,
        reason: "".into(),
    };
    assert_eq!(field(&state, silent), "reason");
    state.push(revoked);
    assert!(matches!(
        when(&state, revoke(1)),
        Err(DomainError::NotFound { kind: "waiver", .. })
    ));
}

#[test]
fn the_id_of_a_waiver_is_taken_once_and_their_number_is_bounded() {
    let [_, _, _, mut state] = states();
    let granted = |number| ReleaseEvent::WaiverGranted {
        waiver: waiver(number, GATE, None),
    };
    state.push(granted(1));
    let taken = DomainError::AlreadyExists {
        kind: "waiver",
        id: waiver(1, GATE, None).id.to_string(),
    };
    assert_eq!(when(&state, grant(waiver(1, GATE, Some("CVE-1")))), Err(taken));
    state.extend((2..=500).map(granted));
    assert_eq!(field(&state, grant(waiver(501, GATE, None))), "waiver");
}
