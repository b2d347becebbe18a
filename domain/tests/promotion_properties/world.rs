//! The world: aggregates, people, a clock that never goes back, and what an observer writes down.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::evidence::{
    Artifact, ArtifactCommand, ArtifactEvent, ArtifactKey, Evidence, Finding, ReportKind, Severity, Verdict,
};
use opstella_domain::policy::{
    Approval, ApproverRole, GateInput, HeldFreeze, ImageEvidence, Policy, PolicyCommand, PolicyEvent,
    PolicyKey, PolicyRules, PolicyVersions, Predecessor, evaluate,
};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentEvent, Health, Members, PromotionId, PromotionKind, RunEnd,
    ServiceEnvironment, WhenBusy,
};
use opstella_domain::release::{Digest, Release, ReleaseCommand, ReleaseEvent, ReleaseKey, Waiver, WaiverId};
use opstella_domain::{ComponentName, Decide, DomainError, Environment, EnvironmentSet, Subject};
use proptest::sample::Index;
use uuid::Uuid;

use crate::acts::{Act, COMPONENTS, End, FINDINGS, GATES, PEOPLE, RELEASES};
use crate::ledger::{Images, Ledger};
use crate::oracle::{Counts, Oracle};
use crate::support::promotion::{
    digest, environment_key, evidence, gate_name, image, name, promotion_id, version, who,
};
use crate::support::{at, key, run_id};

/// An aggregate with all its events.
struct Stream<A: Decide> {
    state: A,
    events: Vec<A::Event>,
}

impl<A: Decide> Default for Stream<A> {
    fn default() -> Self {
        Self {
            state: A::default(),
            events: vec![],
        }
    }
}

impl<A: Decide> Stream<A> {
    fn happen(&mut self, event: A::Event) {
        self.state.evolve(event.clone());
        self.events.push(event);
    }

    fn take(&mut self, command: A::Command) -> Result<Vec<A::Event>, DomainError> {
        let events = self.state.decide(command)?;
        events.iter().for_each(|event| self.happen(event.clone()));
        Ok(events)
    }

    /// From the events alone, from their JSON, and from a snapshot: always the same state.
    fn check_replay(&self)
    where
        A::Event: Debug + PartialEq,
    {
        let (mut replayed, mut from_json) = (A::default(), A::default());
        for event in &self.events {
            let text = serde_json::to_string(event).unwrap();
            let read: A::Event = serde_json::from_str(&text).unwrap();
            assert_eq!(&read, event);
            replayed.evolve(event.clone());
            from_json.evolve(read);
        }
        let state = |a: &A| serde_json::to_value(a).unwrap();
        assert_eq!(state(&replayed), state(&self.state));
        assert_eq!(state(&from_json), state(&self.state));
        let snapshot: A = serde_json::from_value(state(&self.state)).unwrap();
        assert_eq!(state(&snapshot), state(&self.state));
    }
}

#[derive(Default)]
struct Place {
    stream: Stream<ServiceEnvironment>,
    ledger: Ledger,
    platform: Stream<Policy>,
    project: Stream<Policy>,
}

pub struct World {
    chosen: Vec<Environment>,
    people: Vec<BTreeSet<ApproverRole>>,
    now: DateTime<Utc>,
    number: u128,
    places: Vec<Place>,
    releases: Vec<Stream<Release>>,
    artifacts: BTreeMap<ArtifactKey, Stream<Artifact>>,
    reports: BTreeMap<(ComponentName, Digest), Vec<Evidence>>,
    sent: Vec<(ArtifactKey, Evidence)>,
    /// How many commands were refused.
    pub refused: usize,
}

fn person(number: usize) -> Subject {
    who(&format!("person-{number}"))
}

fn release_key(release: usize) -> ReleaseKey {
    ReleaseKey {
        service: key(),
        version: version(&format!("{release}")),
    }
}

fn contents(component: usize, contents: usize) -> String {
    format!("{component}-{contents}")
}

impl World {
    pub fn new(chosen: EnvironmentSet, people: Vec<BTreeSet<ApproverRole>>) -> Self {
        let chosen: Vec<Environment> = chosen.iter().collect();
        Self {
            places: chosen.iter().map(|_| Place::default()).collect(),
            chosen,
            people,
            now: at(),
            number: 0,
            releases: (0..RELEASES).map(|_| Stream::default()).collect(),
            artifacts: BTreeMap::new(),
            reports: BTreeMap::new(),
            sent: vec![],
            refused: 0,
        }
    }

    fn next(&mut self) -> u128 {
        self.number += 1;
        self.number
    }

    fn place(&self, place: Index) -> usize {
        place.index(self.places.len())
    }

    /// One of the promotions that are not over; one that never was, where there are none.
    fn promotion(&self, place: usize, which: Index) -> PromotionId {
        let ledger = &self.places[place].ledger;
        let all: Vec<_> = ledger
            .flying
            .iter()
            .chain(&ledger.queue)
            .map(|asked| asked.id)
            .collect();
        if all.is_empty() {
            promotion_id(0)
        } else {
            all[which.index(all.len())]
        }
    }

    pub fn act(&mut self, act: Act) {
        let done = self.try_act(act);
        self.refused += usize::from(done.is_err());
    }

    fn try_act(&mut self, act: Act) -> Result<(), DomainError> {
        match act {
            Act::Register {
                release,
                by,
                of,
                contents: with,
            } => {
                let of = (0..COMPONENTS.len()).filter(|c| of >> c & 1 == 1);
                let images = of.map(|c| image(COMPONENTS[c], &contents(c, with[c])));
                let command = ReleaseCommand::Register {
                    key: release_key(release),
                    images: images.collect(),
                    author: person(by),
                    co_authors: BTreeSet::new(),
                    components: COMPONENTS.map(name).to_vec(),
                    incarnation: None,
                    at: self.now,
                };
                self.release(release, command)
            }
            Act::Seal { release } => {
                let key = release_key(release);
                self.release(release, ReleaseCommand::Seal { key })
            }
            Act::Waive {
                release,
                gate,
                finding,
                hours,
                by,
            } => {
                let waiver = Waiver {
                    id: WaiverId(Uuid::from_u128(self.next())),
                    gate: gate_name(GATES[gate]),
                    finding: finding.map(|f| FINDINGS[f].to_owned()),
                    reason: "it has to go on".into(),
                    by: person(by),
                    expires_at: self.now + TimeDelta::hours(hours),
                    modules: [].into(),
                };
                let command = ReleaseCommand::GrantWaiver {
                    key: release_key(release),
                    waiver,
                    at: self.now,
                };
                self.release(release, command)
            }
            Act::Revoke { release, which } => {
                let waivers = &self.releases[release].state.waivers;
                if waivers.is_empty() {
                    return Ok(());
                }
                let waiver = waivers[which.index(waivers.len())].id;
                let command = ReleaseCommand::RevokeWaiver {
                    key: release_key(release),
                    waiver,
                    reason: "mended".into(),
                };
                self.release(release, command)
            }
            Act::Report {
                component,
                contents: with,
                kind,
                found,
                of,
                age,
            } => self.report(component, &contents(component, with), kind, &found, of, age),
            Act::ReportAgain { which } => {
                if self.sent.is_empty() {
                    return Ok(());
                }
                let (key, mut again) = self.sent[which.index(self.sent.len())].clone();
                again.recorded_at = self.now;
                self.send(key, again)
            }
            Act::SetPolicy {
                place,
                project,
                rules,
            } => self.set_policy(self.place(place), project, rules),
            Act::Request {
                place,
                release,
                rollback,
                by,
                queue,
                change,
            } => self.request(self.place(place), release, rollback, by, queue, change),
            Act::Evaluate { place } => {
                self.evaluate(self.place(place));
                Ok(())
            }
            Act::Approve { place, which, by } => {
                let place = self.place(place);
                self.approve(place, self.promotion(place, which), by)
            }
            Act::Reject { place, which, by } => {
                let place = self.place(place);
                let command = EnvironmentCommand::Reject {
                    key: environment_key(self.chosen[place]),
                    promotion: self.promotion(place, which),
                    by: person(by),
                    reason: "no".into(),
                };
                self.environment(place, command, false).map(drop)
            }
            Act::Cancel { place, which, by } => {
                let place = self.place(place);
                let command = EnvironmentCommand::Cancel {
                    key: environment_key(self.chosen[place]),
                    promotion: self.promotion(place, which),
                    by: person(by),
                    reason: "no more".into(),
                };
                self.environment(place, command, false).map(drop)
            }
            Act::Override { place, which, by } => {
                let place = self.place(place);
                let promotion = self.promotion(place, which);
                let command = EnvironmentCommand::OverrideFreeze {
                    key: environment_key(self.chosen[place]),
                    promotion,
                    by: person(by),
                    reason: "the shop is down".into(),
                    freezes: self.freezes_held(place, promotion),
                };
                self.environment(place, command, false).map(drop)
            }
            Act::Confirm { place, which, by } => {
                let place = self.place(place);
                let command = EnvironmentCommand::ConfirmFreezeOverride {
                    key: environment_key(self.chosen[place]),
                    promotion: self.promotion(place, which),
                    by: person(by),
                    at: self.now,
                };
                self.environment(place, command, false).map(drop)
            }
            Act::End { place, how, stale } => self.end(self.place(place), how, stale),
            Act::Observe {
                place,
                wrong,
                healthy,
                ago,
            } => {
                let found = COMPONENTS
                    .iter()
                    .enumerate()
                    .filter(|(c, _)| wrong >> 2 & 1 == 0 || wrong >> c & 1 == 1);
                let found = found.map(|(c, component)| {
                    let right = wrong >> c & 1 == 0;
                    (name(component), ("seen".to_owned(), right))
                });
                let health = if healthy {
                    Health::Healthy
                } else {
                    Health::Degraded
                };
                let command = EnvironmentCommand::Observe {
                    found: found.collect(),
                    health: Some(health),
                    at: self.now - TimeDelta::minutes(ago.max(0)),
                };
                self.environment(self.place(place), command, false).map(drop)
            }
            Act::Wait { minutes } => {
                self.now += TimeDelta::minutes(minutes);
                Ok(())
            }
            Act::Push {
                place,
                release,
                by,
                how,
            } => {
                self.push(self.place(place), release, by, how);
                Ok(())
            }
        }
    }

    fn release(&mut self, release: usize, command: ReleaseCommand) -> Result<(), DomainError> {
        let stream = &mut self.releases[release];
        let before = stream.state.clone();
        stream.take(command)?;
        if before.sealed {
            assert!(stream.state.sealed);
            assert_eq!(
                stream.state.digests(),
                before.digests(),
                "a sealed release changes"
            );
            assert_eq!(stream.state.authors, before.authors);
        }
        Ok(())
    }

    fn report(
        &mut self,
        component: usize,
        contents: &str,
        kind: ReportKind,
        found: &[(usize, Severity)],
        of: Environment,
        age: i64,
    ) -> Result<(), DomainError> {
        let mut report = evidence(kind);
        for (finding, severity) in found {
            report.counts.add(*severity);
            report.findings.push(Finding {
                id: FINDINGS[*finding].into(),
                severity: *severity,
                location: None,
                times: 1,
            });
        }
        if !found.is_empty() {
            report.verdict = Verdict::Failed;
        }
        report.report = digest(&format!("report {}", self.next()));
        report.environment = report.environment.map(|_| of);
        report.recorded_at = self.now;
        report.produced_at = Some(self.now - TimeDelta::minutes(age));
        let key = ArtifactKey {
            service: key(),
            component: name(COMPONENTS[component]),
            digest: digest(contents),
        };
        if kind == ReportKind::DynamicScan {
            report.ran = self.ran_in(of, self.now - TimeDelta::minutes(age));
        }
        self.sent.push((key.clone(), report.clone()));
        let image = (key.component.clone(), key.digest.clone());
        self.send(key, report.clone())?;
        self.reports.entry(image).or_default().push(report);
        Ok(())
    }

    /// What ran in an environment at an instant.
    fn ran_in(&self, environment: Environment, at: DateTime<Utc>) -> Images {
        let place = self.chosen.iter().position(|chosen| *chosen == environment);
        let came = place.map(|place| self.places[place].ledger.came.as_slice());
        let there = came.unwrap_or_default().iter().rfind(|came| came.at <= at);
        there.map(|came| came.images.clone()).unwrap_or_default()
    }

    fn send(&mut self, key: ArtifactKey, evidence: Evidence) -> Result<(), DomainError> {
        let stream = self.artifacts.entry(key.clone()).or_default();
        let evidence = Box::new(evidence);
        let events: Vec<ArtifactEvent> = stream.take(ArtifactCommand::AddEvidence { key, evidence })?;
        assert!(events.len() <= 1);
        Ok(())
    }

    fn set_policy(
        &mut self,
        place: usize,
        project: bool,
        rules: Box<PolicyRules>,
    ) -> Result<(), DomainError> {
        let environment = self.chosen[place];
        let policy = &mut self.places[place];
        let base = policy.platform.state.rules_for(environment);
        let stream = if project {
            &mut policy.project
        } else {
            &mut policy.platform
        };
        let version = stream.state.version;
        let command = PolicyCommand::Set {
            key: PolicyKey {
                project: project.then(|| key().project),
                environment,
            },
            rules,
            base: project.then(|| Box::new(base)),
        };
        for PolicyEvent::PolicySet { version: next, .. } in stream.take(command)? {
            assert_eq!(next, version + 1);
        }
        Ok(())
    }

    fn request(
        &mut self,
        place: usize,
        release: usize,
        rollback: bool,
        by: usize,
        queue: bool,
        change: bool,
    ) -> Result<(), DomainError> {
        let state = &self.releases[release].state;
        if !state.sealed {
            // The handler's to refuse.
            return Ok(());
        }
        let key = release_key(release);
        let before = place.checked_sub(1);
        let came_from = before.map(|b| (self.chosen[b], self.places[b].stream.state.has_run(&key.version)));
        let command = EnvironmentCommand::Request {
            key: environment_key(self.chosen[place]),
            kind: if rollback {
                PromotionKind::Rollback
            } else {
                PromotionKind::Promote
            },
            release: key.version,
            images: state.digests(),
            requester: person(by),
            authors: state.authors.clone(),
            change_reference: change.then(|| "CHG1".parse().unwrap()),
            when_busy: if queue { WhenBusy::Queue } else { WhenBusy::Refuse },
            came_from,
            at: self.now,
            promotion: promotion_id(self.next()),
        };
        self.environment(place, command, false).map(drop)
    }

    fn approve(&mut self, place: usize, promotion: PromotionId, by: usize) -> Result<(), DomainError> {
        let approval = Approval {
            by: person(by),
            name: Some(format!("name of {by}")),
            roles: self.people[by].clone(),
            by_token: self.people[by].clone(),
            at: self.now,
            comment: None,
        };
        let command = EnvironmentCommand::Approve {
            key: environment_key(self.chosen[place]),
            promotion,
            approval,
        };
        self.environment(place, command, false).map(drop)
    }

    fn end(&mut self, place: usize, how: End, stale: bool) -> Result<(), DomainError> {
        let flying = self.places[place].ledger.flying.as_ref();
        let run = flying.and_then(|asked| asked.run).filter(|_| !stale);
        let run = run.unwrap_or(run_id(0));
        let end = match how {
            End::Well => RunEnd::Succeeded,
            End::Badly { changed, left_behind } => RunEnd::Undone {
                cause: "no".into(),
                changed,
                left_behind,
            },
        };
        let command = EnvironmentCommand::EndRun {
            run,
            end,
            at: self.now,
        };
        self.environment(place, command, false).map(drop)
    }

    /// Gives a command to an environment. Everything that happens is written down, and looked at.
    fn environment(
        &mut self,
        place: usize,
        command: EnvironmentCommand,
        all_open: bool,
    ) -> Result<Vec<EnvironmentEvent>, DomainError> {
        let events = self.places[place].stream.state.decide(command)?;
        let (before, rest) = self.places.split_at_mut(place);
        let before = before.last().map(|p| &p.ledger);
        for event in &events {
            rest[0].ledger.write(event, before, all_open);
            rest[0].stream.happen(event.clone());
        }
        Ok(events)
    }

    fn gate_input(&self, place: usize) -> Option<(PromotionKind, PromotionId, GateInput)> {
        let promotion = self.places[place].stream.state.in_flight.as_ref()?;
        let evidence = |component: &ComponentName, digest: &Digest| {
            let key = ArtifactKey {
                service: key(),
                component: component.clone(),
                digest: digest.clone(),
            };
            self.artifacts
                .get(&key)
                .map(|a| a.state.evidence.clone())
                .unwrap_or_default()
        };
        let images = promotion.images.iter().map(|(component, digest)| {
            let evidence = evidence(component, digest);
            let digest = digest.clone();
            (component.clone(), ImageEvidence { digest, evidence })
        });
        let predecessor = place.checked_sub(1).map(|before| Predecessor {
            environment: self.chosen[before],
            running: self.places[before].stream.state.running(),
        });
        let release: usize = promotion.release.as_str().parse().unwrap();
        let input = GateInput {
            service: key(),
            environments: self.chosen.iter().copied().collect(),
            environment: self.chosen[place],
            release: promotion.release.clone(),
            images: images.collect(),
            waivers: self.releases[release].state.waivers.clone(),
            predecessor,
            change_reference: promotion.change_reference.as_ref().map(|c| c.as_str().to_owned()),
            overridden_freezes: promotion.overridden_freezes().to_vec(),
            policy: PolicyVersions {
                platform: self.places[place].platform.state.version,
                project: self.places[place].project.state.version,
            },
            at: self.now,
        };
        Some((promotion.kind, promotion.id, input))
    }

    /// What the oracle says of the one in flight: what its approvals rest on, and whether all is open. Approvals that
    /// rest on something else are struck out first.
    fn ask_oracle(&mut self, place: usize) -> bool {
        let Some(mut asked) = self.places[place].ledger.flying.take() else {
            return false;
        };
        let set = |stream: &Stream<Policy>| {
            let PolicyEvent::PolicySet { rules, .. } = stream.events.last()?;
            Some((**rules).clone())
        };
        let policies = &self.places[place];
        let platform =
            set(&policies.platform).unwrap_or_else(|| PolicyRules::default_for(self.chosen[place]));
        let rules: Vec<_> = std::iter::once(platform).chain(set(&policies.project)).collect();
        let number = |stream: &Stream<Policy>| u32::try_from(stream.events.len()).unwrap();
        let versions = (number(&policies.platform), number(&policies.project));
        let release: usize = asked.release.as_str().parse().unwrap();
        let mut waivers: Vec<&Waiver> = vec![];
        for event in &self.releases[release].events {
            match event {
                ReleaseEvent::WaiverGranted { waiver } => waivers.push(waiver),
                ReleaseEvent::WaiverRevoked { waiver, .. } => waivers.retain(|w| w.id != *waiver),
                _ => {}
            }
        }
        let before = place
            .checked_sub(1)
            .map(|b| (self.chosen[b], &self.places[b].ledger));
        let (reports, now) = (&self.reports, self.now);
        let counts = Counts {
            rules,
            versions,
            chosen: &self.chosen,
            before,
            reports,
            waivers,
            now,
        };
        let basis = Oracle {
            asked: &asked,
            counts: &counts,
        }
        .basis();
        asked.approvals.retain(|(.., rests_on)| rests_on == &basis);
        let goes =
            asked.kind == PromotionKind::Promote || self.places[place].ledger.goes_back(&asked.release);
        let open = asked.run.is_none()
            && goes
            && Oracle {
                asked: &asked,
                counts: &counts,
            }
            .open();
        // Said once more for what matters most.
        if open
            && self.chosen[place] == Environment::Prd
            && versions.0 == 0
            && asked.kind == PromotionKind::Promote
        {
            let people: BTreeSet<_> = asked.approvals.iter().map(|(by, ..)| by).collect();
            let others = people
                .iter()
                .filter(|by| **by != &asked.requester && !asked.authors.contains(**by));
            assert!(others.count() >= 2, "production without approvals");
        }
        asked.seen = if asked.run.is_none() {
            Some(basis)
        } else {
            asked.seen
        };
        self.places[place].ledger.flying = Some(asked);
        open
    }

    fn rules_for(&self, place: usize, kind: PromotionKind) -> PolicyRules {
        let policies = &self.places[place];
        let effective = match kind {
            PromotionKind::Promote => Policy::effective,
            PromotionKind::Rollback => Policy::effective_for_rollback,
        };
        effective(
            self.chosen[place],
            &policies.platform.state,
            &policies.project.state,
        )
    }

    fn freezes_held(&self, place: usize, promotion: PromotionId) -> Vec<HeldFreeze> {
        let promotion = self.places[place].stream.state.promotion(promotion);
        let rules = promotion.map(|promotion| self.rules_for(place, promotion.kind));
        rules
            .map(|rules| rules.freezes_held(self.now))
            .unwrap_or_default()
    }

    fn evaluate(&mut self, place: usize) {
        let Some((kind, promotion, input)) = self.gate_input(place) else {
            return;
        };
        let rules = self.rules_for(place, kind);
        let command = EnvironmentCommand::Evaluate {
            promotion,
            evaluation: Box::new(evaluate(&rules, &input, vec![])),
            members: Members::new(),
            came_from: None,
            run: run_id(self.next()),
            at: self.now,
        };
        let open = self.ask_oracle(place);
        let events = self.environment(place, command, open).unwrap();
        let started = events
            .iter()
            .any(|e| matches!(e, EnvironmentEvent::DeploymentStarted { .. }));
        assert_eq!(
            started, open,
            "the oracle disagrees: {:?}",
            self.places[place].stream.state.in_flight
        );
    }

    /// Does all that people would do to get a release into an environment. It may still not get there.
    fn push(&mut self, place: usize, release: usize, by: usize, how: End) {
        let both = COMPONENTS
            .iter()
            .enumerate()
            .map(|(c, component)| image(component, &contents(c, release % 3)));
        let _ = self.release(
            release,
            ReleaseCommand::Register {
                key: release_key(release),
                images: both.collect(),
                author: person(by),
                co_authors: BTreeSet::new(),
                components: COMPONENTS.map(name).to_vec(),
                incarnation: None,
                at: self.now,
            },
        );
        let _ = self.try_act(Act::Seal { release });
        for place in 0..=place {
            for (component, _) in COMPONENTS.iter().enumerate() {
                use ReportKind::{ImageScan, QualityGate, StaticAnalysis};
                for kind in [QualityGate, ImageScan, StaticAnalysis] {
                    let of = self.chosen[place];
                    let _ = self.report(component, &contents(component, release % 3), kind, &[], of, 0);
                }
            }
            let _ = self.request(place, release, false, by, true, true);
            self.evaluate(place);
            self.now += TimeDelta::minutes(125);
            for person in 0..PEOPLE {
                let promotion = self.places[place].ledger.flying.as_ref().map(|asked| asked.id);
                let _ = self.approve(place, promotion.unwrap_or(promotion_id(0)), person);
            }
            self.now += TimeDelta::hours(24);
            let promotion = self.places[place].ledger.flying.as_ref().map(|asked| asked.id);
            let _ = self.break_glass(place, promotion.unwrap_or(promotion_id(0)));
            self.evaluate(place);
            let _ = self.end(place, how, false);
            let (scan, of) = (ReportKind::DynamicScan, self.chosen[place]);
            let _ = self.report(0, &contents(0, release % 3), scan, &[], of, 0);
        }
    }

    /// Two people override what holds now.
    fn break_glass(&mut self, place: usize, promotion: PromotionId) -> Result<(), DomainError> {
        let key = environment_key(self.chosen[place]);
        let asks = EnvironmentCommand::OverrideFreeze {
            key: key.clone(),
            promotion,
            by: person(0),
            reason: "the shop is down".into(),
            freezes: self.freezes_held(place, promotion),
        };
        self.environment(place, asks, false)?;
        let confirms = EnvironmentCommand::ConfirmFreezeOverride {
            key,
            promotion,
            by: person(1),
            at: self.now,
        };
        self.environment(place, confirms, false).map(drop)
    }

    /// What has to hold after every step.
    pub fn check(&self) {
        for place in &self.places {
            let (state, ledger) = (&place.stream.state, &place.ledger);
            let flying = state.in_flight.as_ref().map(|p| (p.id, p.run));
            assert_eq!(flying, ledger.flying.as_ref().map(|asked| (asked.id, asked.run)));
            let queue: Vec<_> = state.queue.iter().map(|p| p.id).collect();
            assert_eq!(
                queue,
                ledger.queue.iter().map(|asked| asked.id).collect::<Vec<_>>()
            );
            assert!(flying.is_some() || queue.is_empty(), "somebody waits for nothing");
            assert!(
                state
                    .queue
                    .iter()
                    .all(|p| p.approvals.is_empty() && p.run.is_none())
            );
            let releases: BTreeSet<_> = state
                .in_flight
                .iter()
                .chain(&state.queue)
                .map(|p| &p.release)
                .collect();
            assert_eq!(
                releases.len(),
                queue.len() + usize::from(flying.is_some()),
                "a release twice"
            );
            let came = ledger
                .came
                .last()
                .map(|came| (&came.release, &came.images, came.at));
            let current = state.current.as_ref().map(|d| (&d.release, &d.images, d.since));
            assert_eq!(current, came, "what runs is not what was brought last");
            let healthy = state
                .current
                .as_ref()
                .is_some_and(|d| d.health == Health::Healthy);
            assert_eq!(healthy, ledger.healthy);
            if let Some(promotion) = &state.in_flight {
                assert!(promotion.approvals.iter().all(|a| a.by != promotion.requester));
            }
        }
    }

    pub fn check_replay(&self) {
        for place in &self.places {
            place.stream.check_replay();
            place.platform.check_replay();
            place.project.check_replay();
        }
        self.releases.iter().for_each(Stream::check_replay);
        self.artifacts.values().for_each(Stream::check_replay);
    }

    /// How many releases came into an environment.
    pub fn completed(&self, environment: Environment) -> usize {
        let of = self.chosen.iter().position(|e| *e == environment);
        of.map_or(0, |place| self.places[place].ledger.came.len())
    }

    /// How many rollbacks ended well.
    pub fn rolled_back(&self) -> usize {
        self.places.iter().map(|place| place.ledger.went_back).sum()
    }

    /// How many events of an environment there are of a kind.
    pub fn count(&self, kind: &str) -> usize {
        let events = self.places.iter().flat_map(|place| &place.stream.events);
        events.filter(|event| <&str>::from(*event) == kind).count()
    }
}
