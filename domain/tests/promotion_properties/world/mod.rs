//! The world: aggregates, people, a clock that never goes back, and what an observer writes down.

mod beside;
mod check;
mod gates;
mod policies;
mod promotions;
mod push;
mod releases;
mod runs;
mod services;
mod stream;
mod told;
mod tools;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::evidence::{Artifact, ArtifactKey, Evidence};
use opstella_domain::policy::{ApproverRole, Policy};
use opstella_domain::project::Project;
use opstella_domain::promotion::ServiceEnvironment;
use opstella_domain::release::{Digest, Release};
use opstella_domain::run::Run;
use opstella_domain::service::Service;
use opstella_domain::{ComponentName, DomainError, Environment, EnvironmentSet, RunId, Subject};
use proptest::sample::Index;

use crate::acts::{Act, CUSTOM, RELEASES};
use crate::ledger::Ledger;
use crate::support::at;
use crate::support::promotion::who;

use beside::Beside;
use stream::Stream;
use tools::Tools;

pub use told::{ALL as COMMANDS, Tally};

#[derive(Default)]
struct Place {
    stream: Stream<ServiceEnvironment>,
    ledger: Ledger,
    platform: Stream<Policy>,
    project: Stream<Policy>,
}

pub struct World {
    /// The roles that people's tokens give.
    people: Vec<BTreeSet<ApproverRole>>,
    /// In which roles they are members, by the events of the project.
    members: BTreeMap<Subject, BTreeSet<ApproverRole>>,
    now: DateTime<Utc>,
    number: u128,
    project: Stream<Project>,
    service: Stream<Service>,
    /// The environments that the service has, by its events.
    chosen: BTreeSet<Environment>,
    places: BTreeMap<Environment, Place>,
    runs: BTreeMap<RunId, Stream<Run>>,
    tools: Tools,
    releases: Vec<Stream<Release>>,
    artifacts: BTreeMap<ArtifactKey, Stream<Artifact>>,
    reports: BTreeMap<(ComponentName, Digest), Vec<Evidence>>,
    sent: Vec<(ArtifactKey, Evidence)>,
    /// What gates in Rego say.
    custom: BTreeMap<&'static str, bool>,
    beside: Beside,
    pub tally: Tally,
    /// How many commands were refused.
    pub refused: usize,
}

fn person(number: usize) -> Subject {
    who(&format!("person-{number}"))
}

impl World {
    /// A project of person 0 with a service that has just been made.
    pub fn new(chosen: EnvironmentSet, people: Vec<BTreeSet<ApproverRole>>) -> Self {
        let mut world = Self {
            people,
            members: BTreeMap::new(),
            now: at(),
            number: 0,
            project: Stream::default(),
            service: Stream::default(),
            chosen: BTreeSet::new(),
            places: Environment::all().map(|e| (e, Place::default())).collect(),
            runs: BTreeMap::new(),
            tools: Tools::default(),
            releases: (0..RELEASES).map(|_| Stream::default()).collect(),
            artifacts: BTreeMap::new(),
            reports: BTreeMap::new(),
            sent: vec![],
            custom: CUSTOM.map(|name| (name, true)).into(),
            beside: Beside::default(),
            tally: Tally::default(),
            refused: 0,
        };
        world.create_project().unwrap();
        world.create_service(chosen, 0).unwrap();
        world.finish_service();
        world
    }

    fn next(&mut self) -> u128 {
        self.number += 1;
        self.number
    }

    /// One of the service's environments.
    fn place(&self, place: Index) -> Environment {
        let all: Vec<_> = self.chosen.iter().collect();
        *all[place.index(all.len())]
    }

    /// The environment before, in the service's choice.
    fn before(&self, environment: Environment) -> Option<Environment> {
        self.chosen.range(..environment).next_back().copied()
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
                with,
                of,
                contents,
            } => self.register(release, by, with, of, contents),
            Act::Seal { release } => self.seal(release),
            Act::Waive {
                release,
                gate,
                finding,
                hours,
                by,
            } => self.waive(release, gate, finding, hours, by),
            Act::Revoke { release, which } => self.revoke_waiver(release, which),
            Act::Report {
                component,
                contents,
                what,
            } => self.report(component, contents, &what),
            Act::ReportAgain { which } => self.report_again(which),
            Act::Say { gate, open } => {
                match open {
                    Some(open) => self.custom.insert(CUSTOM[gate], open),
                    None => self.custom.remove(CUSTOM[gate]),
                };
                Ok(())
            }
            Act::SetPolicy {
                place,
                project,
                tighten,
                rules,
            } => self.set_policy(self.place(place), project, tighten, rules),
            Act::Grant { member, role } => self.grant(member, role),
            Act::RevokeRole { member, role } => self.revoke_role(member, role),
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
            Act::Approve {
                place,
                which,
                by,
                named,
            } => {
                let place = self.place(place);
                self.approve(place, self.promotion(place, which), by, named)
            }
            Act::Reject { place, which, by } => self.reject(self.place(place), which, by),
            Act::Cancel { place, which, by } => self.cancel(self.place(place), which, by),
            Act::Override { place, which, by } => {
                let place = self.place(place);
                self.override_freeze(place, self.promotion(place, which), by)
            }
            Act::Confirm { place, which, by } => {
                let place = self.place(place);
                self.confirm_override(place, self.promotion(place, which), by)
            }
            Act::StaleEnd { place, well } => self.stale_end(self.place(place), well),
            Act::Run { which, what } => self.operate(which, &what),
            Act::Service { what, by } => self.change_service(what, by),
            Act::Observe {
                place,
                wrong,
                healthy,
                ago,
            } => self.observe(self.place(place), wrong, healthy, ago),
            Act::Wait { minutes } => {
                self.now += TimeDelta::minutes(minutes);
                Ok(())
            }
            Act::Push {
                place,
                release,
                by,
                fails,
            } => {
                self.push(self.place(place), release, by, fails);
                Ok(())
            }
            Act::Beside { what, how } => {
                self.beside.act(&mut self.tally, what, &how);
                Ok(())
            }
        }
    }

    /// How many releases came into an environment.
    pub fn completed(&self, environment: Environment) -> usize {
        self.places[&environment].ledger.came.len()
    }

    /// How many rollbacks ended well.
    pub fn rolled_back(&self) -> usize {
        self.places.values().map(|place| place.ledger.went_back).sum()
    }

    /// How many events of environments, runs and the service there are of a kind.
    pub fn count(&self, kind: &str) -> usize {
        let places = self.places.values().flat_map(|place| &place.stream.events);
        let runs = self.runs.values().flat_map(|run| &run.events);
        places.map(<&str>::from).filter(|name| *name == kind).count()
            + runs.map(<&str>::from).filter(|name| *name == kind).count()
            + self
                .service
                .events
                .iter()
                .map(<&str>::from)
                .filter(|name| *name == kind)
                .count()
    }
}
