//! One promotion from the request to its end.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::policy::{Approval, GateInput, PolicyRules, PolicyVersions, Predecessor, evaluate};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentKey, Health, Members, PromotionId, PromotionKind, RunEnd,
    ServiceEnvironment, WhenBusy,
};
use opstella_domain::{Environment, RunId, Subject};

use super::fill::Sink;
use super::history::History;
use crate::BenchError;

impl History {
    /// One promotion; whether the release arrived.
    pub(super) fn carry(
        &mut self,
        environment: Environment,
        (dice, last): (u64, bool),
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<bool, BenchError> {
        let promotion = PromotionId(self.uuid());
        let key = EnvironmentKey {
            service: self.key.clone(),
            environment,
        };
        let later = |minutes| at + TimeDelta::minutes(minutes);
        let before = Environment::all().take_while(|e| *e != environment).last();
        let request = EnvironmentCommand::Request {
            key: key.clone(),
            promotion,
            kind: PromotionKind::Promote,
            release: self.version()?,
            images: self
                .images
                .iter()
                .map(|(name, image)| (name.clone(), image.digest.clone()))
                .collect(),
            requester: "developer".parse()?,
            authors: BTreeSet::from(["developer".parse()?]),
            change_reference: Some("CHG0031337".parse()?),
            when_busy: WhenBusy::Queue,
            came_from: before.map(|e| (e, true)),
            at,
        };
        self.environment(&key, request, at, sink)?;
        let rules = PolicyRules::default_for(environment);
        // Of the last ones some are blocked, some wait for approvals, some deploy.
        let without_evidence = last && self.number.is_multiple_of(3);
        self.look(&key, promotion, (&rules, without_evidence), later(1), sink)?;
        if without_evidence || (last && self.number % 3 == 1) {
            return Ok(false);
        }
        let by: Subject = "approver-0".parse()?;
        let reason = "not now".to_owned();
        // Where a gate waits, people may end it.
        let open = self.run(environment).is_none();
        match dice {
            0..4 if open => {
                let reject = EnvironmentCommand::Reject {
                    key: key.clone(),
                    promotion,
                    by,
                    reason,
                };
                self.environment(&key, reject, later(2), sink)?;
                return Ok(false);
            }
            4..6 if open => {
                let cancel = EnvironmentCommand::Cancel {
                    key: key.clone(),
                    promotion,
                    by,
                    reason,
                };
                self.environment(&key, cancel, later(2), sink)?;
                return Ok(false);
            }
            _ => {}
        }
        for rule in &rules.approvals {
            for person in 0..rule.people {
                // Somebody else for each rule.
                let roles: BTreeSet<_> = rule.roles.iter().take(1).copied().collect();
                let by = format!("{}-{person}", format!("{roles:?}").to_lowercase());
                let approval = Approval {
                    by: by.parse()?,
                    name: Some(by),
                    by_token: roles.clone(),
                    roles,
                    at: later(3),
                    comment: None,
                };
                let approve = EnvironmentCommand::Approve {
                    key: key.clone(),
                    promotion,
                    approval,
                };
                self.environment(&key, approve, later(3), sink)?;
            }
            self.look(&key, promotion, (&rules, false), later(4), sink)?;
        }
        let Some(run) = self.run(environment) else {
            let message = format!("promotion {promotion} into {key} does not deploy");
            return Err(BenchError::Unexpected(message));
        };
        if last {
            return Ok(false);
        }
        let undone = |changed| RunEnd::Undone {
            cause: "the application is Degraded".to_owned(),
            changed,
            left_behind: false,
        };
        let end = match dice {
            6..9 => undone(false),
            9..12 => undone(true),
            _ => RunEnd::Succeeded,
        };
        let completed = end == RunEnd::Succeeded;
        let at = later(10);
        self.environment(&key, EnvironmentCommand::EndRun { run, end, at }, at, sink)?;
        if completed && (12..16).contains(&dice) {
            for (health, at) in [(Health::Degraded, later(30)), (Health::Healthy, later(50))] {
                let health = Some(health);
                let found = BTreeMap::new();
                let observe = EnvironmentCommand::Observe { found, health, at };
                self.environment(&key, observe, at, sink)?;
            }
        }
        Ok(completed)
    }

    /// Looks at the gates.
    fn look(
        &mut self,
        key: &EnvironmentKey,
        promotion: PromotionId,
        (rules, without_evidence): (&PolicyRules, bool),
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<(), BenchError> {
        let mut images = self.images.clone();
        if without_evidence {
            images.values_mut().for_each(|image| image.evidence.clear());
        }
        let before = Environment::all().take_while(|e| *e != key.environment).last();
        let predecessor = before.map(|environment| Predecessor {
            environment,
            running: self
                .environments
                .get(&environment)
                .and_then(ServiceEnvironment::running),
        });
        let input = GateInput {
            service: key.service.clone(),
            environments: Environment::all().collect(),
            environment: key.environment,
            release: self.version()?,
            images,
            waivers: vec![],
            predecessor,
            change_reference: Some("CHG0031337".to_owned()),
            overridden_freezes: vec![],
            policy: PolicyVersions::default(),
            at,
        };
        let evaluation = Box::new(evaluate(rules, &input, vec![]));
        let run = RunId(self.uuid());
        let command = EnvironmentCommand::Evaluate {
            promotion,
            evaluation,
            members: Members::new(),
            came_from: None,
            run,
            at,
        };
        self.environment(key, command, at, sink)
    }

    fn run(&self, environment: Environment) -> Option<RunId> {
        self.environments.get(&environment)?.in_flight.as_ref()?.run
    }

    fn environment(
        &mut self,
        key: &EnvironmentKey,
        command: EnvironmentCommand,
        at: DateTime<Utc>,
        sink: &mut Sink,
    ) -> Result<(), BenchError> {
        let mut state = self.environments.remove(&key.environment).unwrap_or_default();
        let decided = self.decide(&mut state, &key.to_string(), command, at, sink);
        self.environments.insert(key.environment, state);
        decided
    }
}
