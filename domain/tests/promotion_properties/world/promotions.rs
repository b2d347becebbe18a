//! What people ask of an environment, and what they answer.

use chrono::TimeDelta;
use opstella_domain::policy::Approval;
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentEvent, Health, PromotionId, PromotionKind, RunEnd, WhenBusy,
};
use opstella_domain::service::Lifecycle;
use opstella_domain::{DomainError, Environment};
use proptest::sample::Index;

use super::releases::{known_as, release_key};
use super::{World, person};
use crate::acts::COMPONENTS;
use crate::ledger::Seen;
use crate::support::promotion::{environment_key, name, promotion_id};
use crate::support::run_id;

impl World {
    /// One of the promotions that are not over; one that never was, where there are none.
    pub(super) fn promotion(&self, place: Environment, which: Index) -> PromotionId {
        let all: Vec<_> = self.places[&place].ledger.asked().map(|asked| asked.id).collect();
        match all.as_slice() {
            [] => promotion_id(0),
            all => all[which.index(all.len())],
        }
    }

    /// Whether the release came to the environment before; none where there is none before.
    pub(super) fn came_from(&self, place: Environment, release: usize) -> Option<(Environment, bool)> {
        let before = self.before(place)?;
        let there = &self.places[&before].stream.state;
        Some((before, there.has_run(&release_key(release).version)))
    }

    pub(super) fn request(
        &mut self,
        place: Environment,
        release: usize,
        rollback: bool,
        by: usize,
        queue: bool,
        change: bool,
    ) -> Result<(), DomainError> {
        let state = &self.releases[release].state;
        let active = self.service.state.lifecycle == Lifecycle::Active;
        // The handler's to refuse.
        if !active || (!state.sealed && !rollback) || !state.exists() {
            return Ok(());
        }
        let command = EnvironmentCommand::Request {
            key: environment_key(place),
            kind: match rollback {
                true => PromotionKind::Rollback,
                false => PromotionKind::Promote,
            },
            release: release_key(release).version,
            images: state.digests(),
            requester: person(by),
            authors: state.authors.clone(),
            change_reference: change.then(|| "CHG1".parse().unwrap()),
            when_busy: if queue { WhenBusy::Queue } else { WhenBusy::Refuse },
            came_from: self.came_from(place, release).filter(|_| !rollback),
            at: self.now,
            promotion: promotion_id(self.next()),
        };
        self.environment(place, command, false).map(drop)
    }

    pub(super) fn approve(
        &mut self,
        place: Environment,
        promotion: PromotionId,
        by: usize,
        named: bool,
    ) -> Result<(), DomainError> {
        let by_token = self.people[by].clone();
        let member = self.members.get(&person(by)).cloned().unwrap_or_default();
        let approval = Approval {
            by: person(by),
            name: named.then(|| known_as(by)),
            roles: by_token.union(&member).copied().collect(),
            by_token,
            at: self.now,
            comment: None,
        };
        let command = EnvironmentCommand::Approve {
            key: environment_key(place),
            promotion,
            approval,
        };
        self.environment(place, command, false).map(drop)
    }

    pub(super) fn reject(&mut self, place: Environment, which: Index, by: usize) -> Result<(), DomainError> {
        let command = EnvironmentCommand::Reject {
            key: environment_key(place),
            promotion: self.promotion(place, which),
            by: person(by),
            reason: "no".into(),
        };
        self.environment(place, command, false).map(drop)
    }

    pub(super) fn cancel(&mut self, place: Environment, which: Index, by: usize) -> Result<(), DomainError> {
        let command = EnvironmentCommand::Cancel {
            key: environment_key(place),
            promotion: self.promotion(place, which),
            by: person(by),
            reason: "no more".into(),
        };
        self.environment(place, command, false).map(drop)
    }

    pub(super) fn override_freeze(
        &mut self,
        place: Environment,
        promotion: PromotionId,
        by: usize,
    ) -> Result<(), DomainError> {
        let command = EnvironmentCommand::OverrideFreeze {
            key: environment_key(place),
            promotion,
            by: person(by),
            reason: "the shop is down".into(),
            freezes: self.freezes_held(place, promotion),
        };
        self.environment(place, command, false).map(drop)
    }

    pub(super) fn confirm_override(
        &mut self,
        place: Environment,
        promotion: PromotionId,
        by: usize,
    ) -> Result<(), DomainError> {
        let command = EnvironmentCommand::ConfirmFreezeOverride {
            key: environment_key(place),
            promotion,
            by: person(by),
            at: self.now,
        };
        self.environment(place, command, false).map(drop)
    }

    pub(super) fn stale_end(&mut self, place: Environment, well: bool) -> Result<(), DomainError> {
        let command = EnvironmentCommand::EndRun {
            run: run_id(0),
            end: match well {
                true => RunEnd::Succeeded,
                false => RunEnd::Undone {
                    cause: "no".into(),
                    changed: true,
                    left_behind: false,
                },
            },
            at: self.now,
        };
        let events = self.environment(place, command, false)?;
        assert!(events.is_empty(), "of another run: {events:?}");
        Ok(())
    }

    pub(super) fn observe(
        &mut self,
        place: Environment,
        wrong: u8,
        healthy: bool,
        ago: i64,
    ) -> Result<(), DomainError> {
        let looked = |c: &usize| wrong >> COMPONENTS.len() & 1 == 0 || wrong >> c & 1 == 1;
        let found = (0..COMPONENTS.len()).filter(looked).map(|c| {
            let right = wrong >> c & 1 == 0;
            (name(COMPONENTS[c]), ("seen".to_owned(), right))
        });
        let command = EnvironmentCommand::Observe {
            found: found.collect(),
            health: Some(match healthy {
                true => Health::Healthy,
                false => Health::Degraded,
            }),
            at: self.now - TimeDelta::minutes(ago.max(0)),
        };
        self.environment(place, command, false).map(drop)
    }

    /// Gives a command to an environment. Everything that happens is written down, and looked at.
    pub(super) fn environment(
        &mut self,
        environment: Environment,
        command: EnvironmentCommand,
        all_open: bool,
    ) -> Result<Vec<EnvironmentEvent>, DomainError> {
        let events = self.places[&environment]
            .stream
            .decide(&mut self.tally, command)?;
        let mut place = self.places.remove(&environment).unwrap();
        let before = self.before(environment);
        let seen = Seen {
            before: before.map(|before| &self.places[&before].ledger),
            all_open,
            ends: self.service.state.lifecycle != Lifecycle::Active,
            now: self.now,
        };
        for event in &events {
            place.ledger.write(event, &seen);
            place.stream.happen(event.clone());
        }
        self.places.insert(environment, place);
        for event in &events {
            if let EnvironmentEvent::DeploymentStarted { run, .. } = event {
                self.plan_deployment(environment, *run);
            }
        }
        Ok(events)
    }
}
