//! Commands and events of a policy, in few words.

use cqrs_es::test::TestFramework;
use opstella_domain::DomainError;
use opstella_domain::policy::{
    ApprovalRule, ApproverRole, Freeze, FreezeWindow, Policy, PolicyCommand, PolicyEvent, PolicyKey,
    PolicyRules, WeekTime,
};

use crate::support::promotion::roles;

pub fn key(text: &str) -> PolicyKey {
    text.parse().unwrap()
}

pub fn set(key_text: &str, rules: PolicyRules, base: Option<PolicyRules>) -> PolicyCommand {
    PolicyCommand::Set {
        key: key(key_text),
        rules: Box::new(rules),
        base: base.map(Box::new),
    }
}

pub fn was_set(key_text: &str, version: u32, rules: PolicyRules) -> PolicyEvent {
    PolicyEvent::PolicySet {
        key: key(key_text),
        version,
        rules: Box::new(rules),
    }
}

pub fn when(given: Vec<PolicyEvent>, command: PolicyCommand) -> Result<Vec<PolicyEvent>, DomainError> {
    TestFramework::<Policy>::with(())
        .given(given)
        .when(command)
        .inspect_result()
}

pub fn invalid(command: PolicyCommand) -> (String, String) {
    match when(vec![], command) {
        Err(DomainError::Invalid { field, rule }) => (field, rule),
        other => panic!("{other:?}"),
    }
}

pub fn rule(of: &[ApproverRole], people: u8) -> ApprovalRule {
    ApprovalRule {
        roles: roles(of),
        people,
    }
}

pub fn weekend() -> FreezeWindow {
    FreezeWindow {
        name: "weekend".into(),
        timezone: "Europe/Berlin".parse().unwrap(),
        when: Freeze::Weekly {
            from: week_time(5, "18:00:00"),
            to: week_time(1, "06:00:00"),
        },
    }
}

pub fn week_time(day: u8, time: &str) -> WeekTime {
    WeekTime {
        day,
        time: time.parse().unwrap(),
    }
}
