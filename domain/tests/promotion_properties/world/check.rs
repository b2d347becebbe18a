//! What has to hold after every step, and at the end.

use std::collections::BTreeSet;

use opstella_domain::promotion::Health;
use opstella_domain::run::RunStatus;
use opstella_domain::{Environment, RunId};

use super::{Place, Stream, World};

impl World {
    pub fn check(&self) {
        let has = self.service.state.environments.as_ref().unwrap();
        assert!(has.iter().eq(self.chosen.iter().copied()), "{has:?}");
        for (environment, place) in &self.places {
            place.one_in_flight();
            place.what_runs_was_brought();
            self.one_run(*environment, place);
            self.tools_agree(*environment, place);
        }
    }

    /// Of an environment one run goes on at most: the one of its promotion in flight.
    fn one_run(&self, environment: Environment, place: &Place) {
        let going = self.runs.iter().filter(|(_, run)| {
            let state = &run.state;
            state.environment == Some(environment) && !state.status.ended()
        });
        let going: Vec<RunId> = going.map(|(id, _)| *id).collect();
        let flying = place.ledger.flying.as_ref().and_then(|asked| asked.run);
        assert_eq!(
            going,
            Vec::from_iter(flying),
            "two deployments, or one that nobody knows"
        );
    }

    /// At rest, Argo CD runs what is said to run, but for what an operator left behind.
    fn tools_agree(&self, environment: Environment, place: &Place) {
        let ledger = &place.ledger;
        if ledger.flying.as_ref().is_some_and(|asked| asked.run.is_some()) {
            return;
        }
        let Some(current) = &place.stream.state.current else {
            return;
        };
        for (component, digest) in &current.images {
            let runs = self.tools.runs(environment, component);
            let left = ledger.torn.contains(component);
            assert!(
                left || runs == Some(digest),
                "{environment}: {component} runs {runs:?}"
            );
        }
    }

    pub fn check_replay(&self) {
        for place in self.places.values() {
            place.stream.check_replay();
            place.platform.check_replay();
            place.project.check_replay();
        }
        self.project.check_replay();
        self.service.check_replay();
        self.releases.iter().for_each(Stream::check_replay);
        self.artifacts.values().for_each(Stream::check_replay);
        self.runs.values().for_each(Stream::check_replay);
        self.beside.check_replay();
    }

    /// How many runs of promotions ended so.
    pub fn deployments(&self, status: RunStatus) -> usize {
        let runs = self.runs.values().map(|run| &run.state);
        runs.filter(|run| run.environment.is_some() && run.status == status)
            .count()
    }
}

impl Place {
    fn one_in_flight(&self) {
        let (state, ledger) = (&self.stream.state, &self.ledger);
        let flying = state.in_flight.as_ref().map(|p| (p.id, p.run));
        assert_eq!(flying, ledger.flying.as_ref().map(|asked| (asked.id, asked.run)));
        let queue: Vec<_> = state.queue.iter().map(|p| p.id).collect();
        let written: Vec<_> = ledger.queue.iter().map(|asked| asked.id).collect();
        assert_eq!(queue, written);
        assert!(flying.is_some() || queue.is_empty(), "somebody waits for nothing");
        let waits = |p: &opstella_domain::promotion::Promotion| p.approvals.is_empty() && p.run.is_none();
        assert!(state.queue.iter().all(waits));
        let all = || state.in_flight.iter().chain(&state.queue);
        let releases: BTreeSet<_> = all().map(|p| &p.release).collect();
        assert_eq!(releases.len(), all().count(), "a release twice");
        if let Some(promotion) = &state.in_flight {
            let others = promotion.approvals.iter().all(|a| a.by != promotion.requester);
            assert!(others, "a requester approves");
        }
    }

    fn what_runs_was_brought(&self) {
        let (state, ledger) = (&self.stream.state, &self.ledger);
        let came = ledger
            .came
            .last()
            .map(|came| (&came.release, &came.images, came.at));
        let current = state.current.as_ref().map(|d| (&d.release, &d.images, d.since));
        assert_eq!(current, came, "what runs is not what was brought last");
        let well = |health: Health| health == Health::Healthy;
        let healthy = state.current.as_ref().is_some_and(|d| well(d.health));
        assert_eq!(healthy, ledger.healthy);
        assert_eq!(state.drift.is_some(), ledger.drifted);
    }
}
