//! What is asked of an environment, in few words, and what came of it.

use cqrs_es::test::TestFramework;
use opstella_domain::policy::{
    Approval, ApproverRole, Evaluation, GateVerdict, HeldFreeze, PolicyRules, evaluate,
};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentEvent, EnvironmentKey, Health, Members, PromotionKind, RunEnd,
    ServiceEnvironment, WhenBusy,
};
use opstella_domain::{Decide, DomainError, Environment};

use crate::support::promotion::{
    environment_key, gate, gate_input, held, images, later, name, promotion_id, version, who,
};
use crate::support::{at, run_id};

use ApproverRole::Owner;
use PromotionKind::{Promote, Rollback};

pub fn key() -> EnvironmentKey {
    environment_key(Environment::Prd)
}

/// What somebody asks for; each test changes what it is about.
pub struct Ask {
    pub number: u128,
    pub kind: PromotionKind,
    pub release: &'static str,
    pub images: Vec<(&'static str, &'static str)>,
    pub when_busy: WhenBusy,
    pub came_from: Option<(Environment, bool)>,
}

pub fn ask(number: u128, release: &'static str) -> Ask {
    Ask {
        number,
        kind: Promote,
        release,
        images: vec![("api", release)],
        when_busy: WhenBusy::Queue,
        came_from: Some((Environment::Pre, true)),
    }
}

pub fn back(number: u128, release: &'static str) -> Ask {
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
pub fn evaluation(approvals: &[(ApproverRole, u8)]) -> Evaluation {
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

pub fn look(number: u128, evaluation: Evaluation) -> EnvironmentCommand {
    EnvironmentCommand::Evaluate {
        promotion: promotion_id(number),
        evaluation: Box::new(evaluation),
        members: Members::new(),
        came_from: None,
        run: run_id(number),
        at: at(),
    }
}

pub fn closed(number: u128) -> EnvironmentCommand {
    let mut closed = evaluation(&[]);
    closed.gates.push(gate("quality-gate", GateVerdict::Failed));
    look(number, closed)
}

pub fn approve(number: u128, approval: Approval) -> EnvironmentCommand {
    EnvironmentCommand::Approve {
        key: key(),
        promotion: promotion_id(number),
        approval,
    }
}

pub fn reject(number: u128) -> EnvironmentCommand {
    EnvironmentCommand::Reject {
        key: key(),
        promotion: promotion_id(number),
        by: who("sam"),
        reason: "no".into(),
    }
}

pub fn cancel(number: u128) -> EnvironmentCommand {
    EnvironmentCommand::Cancel {
        key: key(),
        promotion: promotion_id(number),
        by: who("rita"),
        reason: "no more".into(),
    }
}

pub fn override_freeze(number: u128) -> EnvironmentCommand {
    override_these(number, vec![held("year end", 60)])
}

pub fn override_these(number: u128, freezes: Vec<HeldFreeze>) -> EnvironmentCommand {
    EnvironmentCommand::OverrideFreeze {
        key: key(),
        promotion: promotion_id(number),
        by: who("adam"),
        reason: "the shop is down".into(),
        freezes,
    }
}

pub fn confirm(number: u128, by: &str) -> EnvironmentCommand {
    EnvironmentCommand::ConfirmFreezeOverride {
        key: key(),
        promotion: promotion_id(number),
        by: who(by),
        at: at(),
    }
}

pub fn end(number: u128, end: RunEnd) -> EnvironmentCommand {
    EnvironmentCommand::EndRun {
        run: run_id(number),
        end,
        at: later(1),
    }
}

pub fn done(number: u128) -> EnvironmentCommand {
    end(number, RunEnd::Succeeded)
}

pub fn undone(changed: bool, left_behind: bool) -> RunEnd {
    RunEnd::Undone {
        cause: "argo: Degraded".into(),
        changed,
        left_behind,
    }
}

pub fn observe(found: &[(&str, &str, bool)], health: Health) -> EnvironmentCommand {
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
pub fn history(commands: Vec<EnvironmentCommand>) -> Vec<EnvironmentEvent> {
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

pub fn after(commands: Vec<EnvironmentCommand>) -> ServiceEnvironment {
    let mut environment = ServiceEnvironment::default();
    history(commands)
        .into_iter()
        .for_each(|event| environment.evolve(event));
    environment
}

pub fn when(
    commands: Vec<EnvironmentCommand>,
    command: impl Into<EnvironmentCommand>,
) -> Result<Vec<EnvironmentEvent>, DomainError> {
    TestFramework::<ServiceEnvironment>::with(())
        .given(history(commands))
        .when(command.into())
        .inspect_result()
}

pub fn kinds(result: Result<Vec<EnvironmentEvent>, DomainError>) -> Vec<&'static str> {
    result.unwrap().iter().map(Into::into).collect()
}

pub fn field(result: Result<Vec<EnvironmentEvent>, DomainError>) -> String {
    match result {
        Err(DomainError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

pub fn state(result: Result<Vec<EnvironmentEvent>, DomainError>) -> (String, Vec<&'static str>) {
    match result {
        Err(DomainError::WrongState { state, accepts, .. }) => (state, accepts),
        other => panic!("{other:?}"),
    }
}

/// A release that has come here.
pub fn deployed(number: u128, release: &'static str) -> Vec<EnvironmentCommand> {
    let images = vec![("api", release)];
    deployed_with(number, release, images)
}

pub fn deployed_with(
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

/// In states of promotion 1: requested, evaluated (waits for an approval), blocked, deploying, over; and queued.
pub fn states() -> Vec<(&'static str, Vec<EnvironmentCommand>)> {
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

/// Releases by number: there are more than a test writes down.
pub fn release(number: usize) -> &'static str {
    format!("{number}").leak()
}
