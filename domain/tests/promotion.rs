//! Every command of an environment in every state of its promotion, and what follows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::BTreeMap;

use cqrs_es::test::TestFramework;
use opstella_domain::policy::{
    Approval, ApproverRole, Evaluation, GateVerdict, HeldFreeze, PolicyRules, PolicyVersions, evaluate,
};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentEvent, EnvironmentKey, Health, MAX_HISTORY, MAX_QUEUE, Members,
    PromotionId, PromotionKind, PromotionState, RunEnd, ServiceEnvironment, WhenBusy, promote_to,
};
use opstella_domain::{Decide, DomainError, Environment, RunId};
use support::promotion::{
    approval, digest, environment_key, gate, gate_input, held, images, later, name, promotion_id, version,
    who,
};
use support::{at, run_id};

use ApproverRole::{Approver, Owner, Security, Tester};
use PromotionKind::{Promote, Rollback};

fn key() -> EnvironmentKey {
    environment_key(Environment::Prd)
}

/// What somebody asks for; each test changes what it is about.
struct Ask {
    number: u128,
    kind: PromotionKind,
    release: &'static str,
    images: Vec<(&'static str, &'static str)>,
    when_busy: WhenBusy,
    came_from: Option<(Environment, bool)>,
}

fn ask(number: u128, release: &'static str) -> Ask {
    Ask {
        number,
        kind: Promote,
        release,
        images: vec![("api", release)],
        when_busy: WhenBusy::Queue,
        came_from: Some((Environment::Pre, true)),
    }
}

fn back(number: u128, release: &'static str) -> Ask {
    Ask {
        kind: Rollback,
        ..ask(number, release)
    }
}

impl From<Ask> for EnvironmentCommand {
    fn from(ask: Ask) -> Self {
        Self::Request {
            key: key(),
            promotion: promotion_id(ask.number),
            kind: ask.kind,
            release: version(ask.release),
            images: images(&ask.images),
            requester: who("rita"),
            authors: [who("alice")].into(),
            change_reference: None,
            when_busy: ask.when_busy,
            came_from: ask.came_from,
            at: at(),
        }
    }
}

/// Gates that are open, but for the approvals.
fn evaluation(approvals: &[(ApproverRole, u8)]) -> Evaluation {
    let rules = PolicyRules {
        approvals: approvals
            .iter()
            .map(|(role, people)| {
                serde_json::from_value(serde_json::json!({ "roles": [role], "people": people })).unwrap()
            })
            .collect(),
        ..PolicyRules::default()
    };
    evaluate(&rules, &gate_input(vec![]), vec![])
}

fn look(number: u128, evaluation: Evaluation) -> EnvironmentCommand {
    EnvironmentCommand::Evaluate {
        promotion: promotion_id(number),
        evaluation: Box::new(evaluation),
        members: Members::new(),
        came_from: None,
        run: run_id(number),
        at: at(),
    }
}

fn closed(number: u128) -> EnvironmentCommand {
    let mut closed = evaluation(&[]);
    closed.gates.push(gate("quality-gate", GateVerdict::Failed));
    look(number, closed)
}

fn approve(number: u128, approval: Approval) -> EnvironmentCommand {
    EnvironmentCommand::Approve {
        key: key(),
        promotion: promotion_id(number),
        approval,
    }
}

fn reject(number: u128) -> EnvironmentCommand {
    EnvironmentCommand::Reject {
        key: key(),
        promotion: promotion_id(number),
        by: who("sam"),
        reason: "no".into(),
    }
}

fn cancel(number: u128) -> EnvironmentCommand {
    EnvironmentCommand::Cancel {
        key: key(),
        promotion: promotion_id(number),
        by: who("rita"),
        reason: "no more".into(),
    }
}

fn override_freeze(number: u128) -> EnvironmentCommand {
    override_these(number, vec![held("year end", 60)])
}

fn override_these(number: u128, freezes: Vec<HeldFreeze>) -> EnvironmentCommand {
    EnvironmentCommand::OverrideFreeze {
        key: key(),
        promotion: promotion_id(number),
        by: who("adam"),
        reason: "the shop is down".into(),
        freezes,
    }
}

fn confirm(number: u128, by: &str) -> EnvironmentCommand {
    EnvironmentCommand::ConfirmFreezeOverride {
        key: key(),
        promotion: promotion_id(number),
        by: who(by),
        at: at(),
    }
}

fn end(number: u128, end: RunEnd) -> EnvironmentCommand {
    EnvironmentCommand::EndRun {
        run: run_id(number),
        end,
        at: later(1),
    }
}

fn done(number: u128) -> EnvironmentCommand {
    end(number, RunEnd::Succeeded)
}

fn undone(changed: bool, left_behind: bool) -> RunEnd {
    RunEnd::Undone {
        cause: "argo: Degraded".into(),
        changed,
        left_behind,
    }
}

fn observe(found: &[(&str, &str, bool)], health: Health) -> EnvironmentCommand {
    let found = found
        .iter()
        .map(|(c, image, right)| (name(c), ((*image).to_owned(), *right)));
    EnvironmentCommand::Observe {
        found: found.collect(),
        health: Some(health),
        at: later(9),
    }
}

/// The events of commands that are all taken.
fn history(commands: Vec<EnvironmentCommand>) -> Vec<EnvironmentEvent> {
    let (mut environment, mut events) = (ServiceEnvironment::default(), vec![]);
    for command in commands {
        let text = format!("{command:?}");
        for event in environment
            .decide(command)
            .unwrap_or_else(|e| panic!("{text}: {e}"))
        {
            environment.evolve(event.clone());
            events.push(event);
        }
    }
    events
}

fn after(commands: Vec<EnvironmentCommand>) -> ServiceEnvironment {
    let mut environment = ServiceEnvironment::default();
    history(commands)
        .into_iter()
        .for_each(|event| environment.evolve(event));
    environment
}

fn when(
    commands: Vec<EnvironmentCommand>,
    command: impl Into<EnvironmentCommand>,
) -> Result<Vec<EnvironmentEvent>, DomainError> {
    TestFramework::<ServiceEnvironment>::with(())
        .given(history(commands))
        .when(command.into())
        .inspect_result()
}

fn kinds(result: Result<Vec<EnvironmentEvent>, DomainError>) -> Vec<&'static str> {
    result.unwrap().iter().map(Into::into).collect()
}

fn field(result: Result<Vec<EnvironmentEvent>, DomainError>) -> String {
    match result {
        Err(DomainError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

fn state(result: Result<Vec<EnvironmentEvent>, DomainError>) -> (String, Vec<&'static str>) {
    match result {
        Err(DomainError::WrongState { state, accepts, .. }) => (state, accepts),
        other => panic!("{other:?}"),
    }
}

/// A release that has come here.
fn deployed(number: u128, release: &'static str) -> Vec<EnvironmentCommand> {
    let images = vec![("api", release)];
    deployed_with(number, release, images)
}

fn deployed_with(
    number: u128,
    release: &'static str,
    images: Vec<(&'static str, &'static str)>,
) -> Vec<EnvironmentCommand> {
    let ask = Ask {
        images,
        ..ask(number, release)
    };
    vec![ask.into(), look(number, evaluation(&[])), done(number)]
}

#[test]
fn what_opens_by_itself_is_due_once_its_time_has_come() {
    let mut soaking = evaluation(&[(Owner, 1)]);
    let mut soak = gate("soaked", GateVerdict::Waiting);
    soak.opens_at = Some(later(5));
    soaking.gates.push(soak);
    let waits = after(vec![ask(1, "1.0.0").into(), look(1, soaking.clone())]);
    assert!(!waits.is_due(later(4)));
    assert!(waits.is_due(later(5)));
    let queued = after(vec![
        ask(1, "1.0.0").into(),
        look(1, evaluation(&[(Owner, 1)])),
        ask(2, "1.1.0").into(),
    ]);
    assert!(!queued.is_due(later(99)), "people are waited for");
    let soaked = vec![
        ask(1, "1.0.0").into(),
        look(1, soaking),
        look(1, evaluation(&[(Owner, 1)])),
    ];
    assert!(!after(soaked).is_due(later(99)), "it was looked at since");
}

/// In states of promotion 1: requested, evaluated (waits for an approval), blocked, deploying, over; and queued.
fn states() -> Vec<(&'static str, Vec<EnvironmentCommand>)> {
    let waiting = || look(1, evaluation(&[(Owner, 1)]));
    let request = || ask(1, "1.0.0").into();
    vec![
        ("unknown", vec![]),
        ("requested", vec![request()]),
        ("waiting", vec![request(), waiting()]),
        ("blocked", vec![request(), closed(1)]),
        ("queued", vec![ask(2, "2.0.0").into(), request()]),
        ("deploying", vec![request(), look(1, evaluation(&[]))]),
        ("completed", deployed(1, "1.0.0")),
        ("rejected", vec![request(), reject(1)]),
        ("cancelled", vec![request(), cancel(1)]),
        (
            "failed",
            vec![request(), look(1, evaluation(&[])), end(1, undone(false, false))],
        ),
    ]
}

#[test]
fn every_command_in_every_state() {
    let over = |state: &str| ["unknown", "completed", "rejected", "cancelled", "failed"].contains(&state);
    let people = || {
        [
            (approve(1, approval("olga", &[Owner])), "PromotionApproved"),
            (reject(1), "PromotionRejected"),
            (cancel(1), "PromotionCancelled"),
            (override_freeze(1), "FreezeOverrideRequested"),
        ]
    };
    for (name, given) in states() {
        for (command, event) in people() {
            let case = format!("{} in {name}", command.name());
            let taken_by = command.name();
            let result = when(given.clone(), command);
            match name {
                _ if over(name) => {
                    let (state, accepts) = state(result);
                    assert_eq!(state, "over, or not one of payments/checkout/PRD", "{case}");
                    assert!(accepts.is_empty());
                }
                "deploying" => {
                    let (state, accepts) = state(result);
                    assert_eq!(state, format!("deploying by run {}", run_id(1)), "{case}");
                    assert_eq!(accepts, ["CancelRun (of the run)"]);
                }
                "queued" if taken_by == "Approve" => assert_eq!(state(result).0, "queued", "{case}"),
                "requested" if taken_by == "Approve" => {
                    assert_eq!(state(result).0, "not evaluated yet", "{case}");
                }
                _ => assert_eq!(kinds(result), [event], "{case}"),
            }
        }
        // Confirming what nobody asked for.
        let (told, _) = state(when(given.clone(), confirm(1, "bob")));
        let asks_first = !over(name) && name != "deploying";
        assert_eq!(told == "not to override a freeze", asks_first, "{name}");
        // Looking at gates: only of the one in flight, and only before it deploys.
        let looks = kinds(when(given.clone(), look(1, evaluation(&[]))));
        let expected: &[&str] = match name {
            "requested" | "waiting" | "blocked" => &["GatesEvaluated", "DeploymentStarted"],
            _ => &[],
        };
        assert_eq!(looks, expected, "{name}");
        // The end of a run.
        for (how, event) in [
            (RunEnd::Succeeded, "PromotionCompleted"),
            (undone(false, false), "PromotionFailed"),
            (undone(true, false), "DeploymentRolledBack"),
            (undone(true, true), "PromotionFailed"),
        ] {
            let ended = kinds(when(given.clone(), end(1, how)));
            let expected: &[&str] = if name == "deploying" { &[event] } else { &[] };
            assert_eq!(ended, expected, "{name}");
        }
        let stale = kinds(when(given.clone(), done(77)));
        assert!(stale.is_empty(), "{name}");
        // What Argo CD runs.
        let seen = kinds(when(given, observe(&[("api", "x", false)], Health::Degraded)));
        let expected: &[&str] = match name {
            "completed" => &["DriftDetected", "HealthChanged"],
            _ => &[],
        };
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn states_have_names() {
    let expected = [
        ("requested", Some(PromotionState::Waiting)),
        ("waiting", Some(PromotionState::Waiting)),
        ("blocked", Some(PromotionState::Blocked)),
        ("queued", Some(PromotionState::Queued)),
        ("deploying", Some(PromotionState::Deploying)),
    ];
    for (name, given) in states() {
        let state = after(given).state_of(promotion_id(1));
        let expected = expected.iter().find(|(n, _)| *n == name).and_then(|(_, s)| *s);
        assert_eq!(state, expected, "{name}");
    }
    for environment in Environment::all() {
        let name = promote_to(environment);
        assert_eq!(name.to_uppercase(), format!("PROMOTETO{environment}"));
    }
}

#[test]
fn the_same_release_is_asked_for_once_at_a_time() {
    for (name, given) in states() {
        let again = when(given.clone(), ask(3, "1.0.0"));
        match name {
            "requested" | "waiting" | "blocked" | "queued" | "deploying" => {
                let id = format!("{}/{}", key(), promotion_id(1));
                let taken = DomainError::AlreadyExists {
                    kind: "promotion",
                    id,
                };
                assert_eq!(again, Err(taken), "{name}");
            }
            "completed" => assert_eq!(state(again).0, "running release 1.0.0 already"),
            _ => assert_eq!(kinds(again), ["PromotionRequested"], "{name}"),
        }
    }
    // Nor under the id of another.
    let taken = when(vec![ask(1, "1.0.0").into()], ask(1, "2.0.0"));
    assert!(matches!(taken, Err(DomainError::AlreadyExists { .. })));
}

#[test]
fn a_release_is_not_on_its_way_forward_and_back_at_once() {
    let given = [deployed(1, "1"), deployed(2, "2"), vec![back(3, "1").into()]].concat();
    let forward = when(given, ask(4, "1"));
    let id = format!("{}/{}", key(), promotion_id(3));
    let taken = DomainError::AlreadyExists {
        kind: "promotion",
        id,
    };
    assert_eq!(forward, Err(taken), "it would find itself running already");
}

#[test]
fn no_environment_is_skipped() {
    let skipping = Ask {
        came_from: Some((Environment::Uat, false)),
        ..ask(1, "1.0.0")
    };
    let (told, accepts) = state(when(vec![], skipping));
    assert_eq!(
        told,
        "not reached by release 1.0.0, which was not deployed to UAT yet"
    );
    assert_eq!(accepts, ["PromoteToUat"]);
    let first = Ask {
        came_from: None,
        ..ask(1, "1.0.0")
    };
    assert_eq!(kinds(when(vec![], first)), ["PromotionRequested"]);
}

#[test]
fn a_release_that_runs_comes_again_only_against_drift() {
    let given = || deployed(1, "1");
    assert_eq!(state(when(given(), ask(2, "1"))).0, "running release 1 already");
    let drifted = [given(), vec![observe(&[("api", "x", false)], Health::Healthy)]].concat();
    assert_eq!(kinds(when(drifted.clone(), ask(2, "1"))), ["PromotionRequested"]);
    let mended = [
        drifted,
        vec![ask(2, "1").into(), look(2, evaluation(&[])), done(2)],
    ]
    .concat();
    let mended = after(mended);
    assert_eq!(mended.drift, None);
    assert_eq!(mended.history.len(), 2);
}

#[test]
fn busy_is_refused_or_queued_as_asked() {
    let refuse = Ask {
        when_busy: WhenBusy::Refuse,
        ..ask(2, "2")
    };
    let (told, accepts) = state(when(vec![ask(1, "1").into()], refuse));
    let other = promotion_id(1);
    assert_eq!(
        told,
        format!("busy with promotion {other}; ask with `when_busy: queue` to wait for it")
    );
    assert_eq!(accepts, ["Approve", "Reject", "CancelPromotion"]);
    for when_busy in [WhenBusy::Refuse, WhenBusy::Queue] {
        let free = Ask {
            when_busy,
            ..ask(1, "1")
        };
        let EnvironmentEvent::PromotionRequested { queued, .. } = when(vec![], free).unwrap().remove(0)
        else {
            panic!("requested");
        };
        assert!(!queued);
    }
}

/// Releases by number: there are more than a test writes down.
fn release(number: usize) -> &'static str {
    format!("{number}").leak()
}

#[test]
fn the_queue_is_bounded_and_keeps_its_order() {
    let full: Vec<EnvironmentCommand> = (0..=MAX_QUEUE)
        .map(|n| ask(n as u128, release(n)).into())
        .collect();
    let (told, accepts) = state(when(full.clone(), ask(99, "one-more")));
    assert_eq!(
        (told.as_str(), accepts),
        ("busy, and 20 promotions wait", vec!["CancelPromotion"])
    );
    let mut environment = after(full);
    // One in the middle leaves; the others move up, whatever happens to the one before.
    let mut take = |command| {
        let events = environment.decide(command).unwrap();
        events.iter().cloned().for_each(|event| environment.evolve(event));
        (events, environment.in_flight.as_ref().map(|p| p.id))
    };
    assert_eq!(take(cancel(2)).1, Some(promotion_id(0)));
    assert_eq!(take(cancel(0)).1, Some(promotion_id(1)));
    assert_eq!(take(reject(1)).1, Some(promotion_id(3)));
    take(look(3, evaluation(&[])));
    assert_eq!(take(end(3, undone(true, false))).1, Some(promotion_id(4)));
    take(look(4, evaluation(&[])));
    let (events, next) = take(done(4));
    assert_eq!(next, Some(promotion_id(5)));
    let taken_up = EnvironmentEvent::PromotionTakenUp {
        promotion: promotion_id(5),
    };
    assert_eq!(events[1], taken_up);
    for number in 5..=MAX_QUEUE {
        take(reject(number as u128));
    }
    assert_eq!(environment.in_flight, None);
}

#[test]
fn what_is_remembered_is_bounded() {
    let all = (0..MAX_HISTORY + 5).flat_map(|n| deployed(n as u128, release(n)));
    let environment = after(all.collect());
    assert_eq!(environment.history.len(), MAX_HISTORY);
    assert!(!environment.has_run(&version("4")) && environment.has_run(&version("5")));
    assert_eq!(environment.history.back(), environment.current.as_ref());
}

#[test]
fn what_ran_for_a_while_is_remembered_but_for_deployments_and_what_was_changed_by_hand() {
    let deploys = |number, release, web, minutes| {
        let images = vec![("api", "api-1"), ("web", web)];
        let mut commands = deployed_with(number, release, images)[..2].to_vec();
        if let EnvironmentCommand::Evaluate { at, .. } = &mut commands[1] {
            *at = later(minutes);
        }
        commands
    };
    let ends = |number, end, minutes| {
        vec![EnvironmentCommand::EndRun {
            run: run_id(number),
            end,
            at: later(minutes),
        }]
    };
    let seen = |api: &str, right, minutes| {
        let mut seen = observe(&[("api", api, right), ("web", "web:2", true)], Health::Healthy);
        if let EnvironmentCommand::Observe { at, .. } = &mut seen {
            *at = later(minutes);
        }
        vec![seen]
    };
    let undone = RunEnd::Undone {
        cause: "it fell ill".into(),
        changed: true,
        left_behind: false,
    };
    let environment = after(
        [
            deploys(1, "1", "web-1", 0),
            ends(1, RunEnd::Succeeded, 10),
            deploys(2, "2", "web-2", 20),
            ends(2, RunEnd::Succeeded, 25),
            deploys(3, "3", "web-3", 30),
            ends(3, undone, 35),
            seen("api:evil", false, 50),
            seen("api:1", true, 60),
            seen("api:evil", false, 70),
            deploys(4, "4", "web-4", 80),
        ]
        .concat(),
    );
    let first = || images(&[("api", "api-1"), ("web", "web-1")]);
    let second = || images(&[("api", "api-1"), ("web", "web-2")]);
    let (some, none) = (images(&[("web", "web-2")]), images(&[]));
    for (from, to, ran) in [
        (0, 5, &none),
        (5, 12, &none),
        (10, 19, &first()),
        (15, 20, &none),
        (12, 22, &none),
        (21, 23, &none),
        (12, 27, &none),
        (25, 29, &second()),
        // A deployment that did not succeed was there too.
        (28, 36, &none),
        (31, 33, &none),
        (35, 49, &second()),
        // So was what somebody changed by hand, and put right.
        (45, 55, &none),
        (60, 69, &second()),
        (65, 75, &some),
        (76, 79, &some),
        (76, 80, &none),
    ] {
        assert_eq!(
            &environment.ran_through(later(from), later(to)),
            ran,
            "{from} to {to}"
        );
    }
}

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

#[test]
fn what_runs_is_what_was_brought() {
    let environment = after([deployed(1, "1"), deployed(2, "2")].concat());
    let current = environment.current.clone().unwrap();
    assert_eq!(current.release, version("2"));
    assert_eq!(current.since, later(1));
    assert_eq!(current.health, Health::Healthy);
    assert_eq!(environment.images(), images(&[("api", "2")]));
    assert_eq!(environment.history.len(), 2);
    // One that fails brings nothing, whether or not something was changed and changed back.
    for (changed, left_behind) in [(false, false), (true, false), (true, true), (false, true)] {
        let failing = vec![
            ask(3, "3").into(),
            look(3, evaluation(&[])),
            end(3, undone(changed, left_behind)),
        ];
        let events = history([deployed(2, "2"), failing].concat());
        let mut environment = ServiceEnvironment::default();
        events.iter().cloned().for_each(|event| environment.evolve(event));
        assert_eq!(environment.images(), images(&[("api", "2")]));
        assert_eq!(environment.in_flight, None);
        match events.last().unwrap() {
            EnvironmentEvent::DeploymentRolledBack { to, .. } => {
                assert!(changed && !left_behind);
                assert_eq!(to, &Some(version("2")));
            }
            EnvironmentEvent::PromotionFailed {
                left_behind: left, ..
            } => {
                assert!(!changed || left_behind);
                assert_eq!(*left, left_behind);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn components_that_a_release_has_no_image_of_keep_what_they_run() {
    let first = deployed_with(1, "1", vec![("api", "api-1"), ("web", "web-1")]);
    let second = deployed_with(2, "2", vec![("web", "web-2")]);
    let environment = after([first, second].concat());
    assert_eq!(
        environment.images(),
        images(&[("api", "api-1"), ("web", "web-2")])
    );
}

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

#[test]
fn drift_is_told_once_and_when_it_is_over() {
    use Health::{Degraded, Healthy};
    let given = || deployed_with(1, "1", vec![("api", "api-1"), ("web", "web-1")]);
    let fine = || observe(&[("api", "api:1", true), ("web", "web:1", true)], Healthy);
    let wrong = || observe(&[("api", "api:evil", false), ("web", "web:1", true)], Healthy);
    assert_eq!(when(given(), fine()), Ok(vec![]));
    let detected = EnvironmentEvent::DriftDetected {
        expected: images(&[("api", "api-1")]),
        found: BTreeMap::from([(name("api"), "api:evil".to_owned())]),
        at: later(9),
    };
    assert_eq!(when(given(), wrong()), Ok(vec![detected]));
    let drifted = || [given(), vec![wrong()]].concat();
    assert_eq!(when(drifted(), wrong()), Ok(vec![]));
    assert_eq!(
        when(drifted(), fine()),
        Ok(vec![EnvironmentEvent::DriftCleared { at: later(9) }])
    );
    let worse = observe(&[("api", "api:evil", false), ("web", "web:evil", false)], Healthy);
    assert_eq!(kinds(when(drifted(), worse)), ["DriftDetected"]);
    // What is not of the service is none of its drift.
    assert_eq!(
        when(given(), observe(&[("other", "x", false)], Healthy)),
        Ok(vec![])
    );
    let ill = observe(&[("api", "api:1", true)], Degraded);
    assert_eq!(kinds(when(given(), ill.clone())), ["HealthChanged"]);
    assert_eq!(when([given(), vec![ill.clone()]].concat(), ill), Ok(vec![]));
}

#[test]
fn what_was_not_looked_at_does_not_change() {
    let given = || {
        let images = vec![("api", "api-1"), ("web", "web-1")];
        let drift = observe(&[("web", "web:evil", false)], Health::Healthy);
        [deployed_with(1, "1", images), vec![drift]].concat()
    };
    let one = |right| observe(&[("api", "api:x", right)], Health::Healthy);
    assert_eq!(when(given(), one(true)), Ok(vec![]), "web still drifts");
    let both = after([given(), vec![one(false)]].concat()).drift.unwrap();
    assert_eq!(
        both.found.keys().collect::<Vec<_>>(),
        [&name("api"), &name("web")]
    );
}

#[test]
fn what_was_seen_before_a_deployment_says_nothing_of_it() {
    let EnvironmentCommand::Observe { found, health, .. } =
        observe(&[("api", "old", false)], Health::Degraded)
    else {
        panic!();
    };
    let early = EnvironmentCommand::Observe {
        found,
        health,
        at: at(),
    };
    assert_eq!(when(deployed(1, "1"), early), Ok(vec![]));
}

#[test]
fn where_it_cannot_be_told_how_it_is_nothing_is_said_of_it() {
    let ill = observe(&[("api", "api:x", true)], Health::Degraded);
    let unknown = |right: bool| EnvironmentCommand::Observe {
        found: [(name("api"), ("api:x".to_owned(), right))].into(),
        health: None,
        at: later(9),
    };
    let given = [deployed(1, "1"), vec![ill]].concat();
    assert_eq!(when(given.clone(), unknown(true)), Ok(vec![]));
    let seen = after([given, vec![unknown(false)]].concat());
    assert!(seen.drift.is_some(), "what is wrong is wrong all the same");
    assert_eq!(seen.current.unwrap().health, Health::Degraded);
}

#[test]
fn a_run_that_deploys_is_not_drift() {
    let given = [
        deployed(1, "1"),
        vec![ask(2, "2").into(), look(2, evaluation(&[]))],
    ]
    .concat();
    assert_eq!(
        when(given, observe(&[("api", "x", false)], Health::Degraded)),
        Ok(vec![])
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

#[test]
fn what_is_removed_is_as_if_it_had_never_been() {
    let remove = || EnvironmentCommand::Remove {
        by: who("system:engine"),
        at: later(1),
    };
    for (name, given) in states() {
        let before = after(given.clone());
        let mut now = before.clone();
        let events = when(given, remove()).unwrap();
        events.iter().cloned().for_each(|event| now.evolve(event));
        let as_text = |state: &ServiceEnvironment| serde_json::to_value(state).unwrap();
        assert_eq!(as_text(&now), as_text(&ServiceEnvironment::default()), "{name}");
        // What was not over is over now, by an event of its own.
        let open = before.in_flight.iter().chain(&before.queue).count();
        let over = |event: &&EnvironmentEvent| {
            let (failed, cancelled) = ("PromotionFailed", "PromotionCancelled");
            [failed, cancelled].contains(&<&str>::from(*event))
        };
        assert_eq!(events.iter().filter(over).count(), open, "{name}");
        assert_eq!(now.decide(remove()).unwrap(), [], "{name}");
    }
    assert_eq!(ServiceEnvironment::default().decide(remove()).unwrap(), []);
}

#[test]
fn one_that_waited_until_it_would_skip_an_environment_is_over() {
    let looked = |came_from| {
        let mut look = look(1, evaluation(&[]));
        if let EnvironmentCommand::Evaluate {
            came_from: before, ..
        } = &mut look
        {
            *before = came_from;
        }
        let given = vec![ask(1, "1.0.0").into(), closed(1), ask(2, "1.1.0").into()];
        kinds(when(given, look))
    };
    let (reached, skipped) = ((Environment::Pre, true), (Environment::Pre, false));
    assert_eq!(looked(Some(reached)), ["GatesEvaluated", "DeploymentStarted"]);
    assert_eq!(looked(None), ["GatesEvaluated", "DeploymentStarted"]);
    // The one after it has its turn.
    assert_eq!(looked(Some(skipped)), ["PromotionFailed", "PromotionTakenUp"]);
}
