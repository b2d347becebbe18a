//! A run, and the world around it.

use std::collections::BTreeMap;

use opstella_domain::plan::{Plan, PlannedStep, SagaKind, StepId};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{Run, RunCommand, RunEvent, RunStatus, StepPhase, Work};
use opstella_domain::{Decide, DomainError};
use proptest::sample::Index;

use crate::acts::{Act, End};
use crate::support::{at, key, outcome, run_id};

pub struct World {
    pub run: Run,
    pub removes: bool,
    provenances: BTreeMap<StepId, Provenance>,
    pub events: Vec<RunEvent>,
    /// Steps in the order in which they were done, as the events say.
    pub done: Vec<StepId>,
    last_report: Option<RunCommand>,
}

impl World {
    pub fn new(steps: Vec<PlannedStep>, provenances: BTreeMap<StepId, Provenance>, removes: bool) -> Self {
        let mut world = Self {
            run: Run::default(),
            removes,
            provenances,
            events: vec![],
            done: vec![],
            last_report: None,
        };
        let saga = if removes {
            SagaKind::DecommissionService
        } else {
            SagaKind::ProvisionService
        };
        let plan = Plan::new(steps).unwrap();
        let command = RunCommand::Plan {
            run: run_id(1),
            saga,
            service: key(),
            adopt: true,
            at: at(),
            environment: None,
            plan,
        };
        world.take(command).unwrap();
        world
    }

    fn pick(&self, at: Index) -> StepId {
        let steps = self.run.plan.steps();
        steps[at.index(steps.len())].id.clone()
    }

    /// Gives a command to the run; looks at every event before and after it happens.
    pub fn take(&mut self, command: RunCommand) -> Result<(), DomainError> {
        let resume = matches!(command, RunCommand::Resume);
        let ended = self.run.status.ended();
        let events = self.run.decide(command)?;
        assert!(
            !ended || events.is_empty(),
            "a run that has ended goes on: {events:?}"
        );
        for event in events {
            self.before(&event, resume);
            self.run.evolve(event.clone());
            self.events.push(event);
        }
        self.after();
        Ok(())
    }

    fn report(step: StepId, attempt: u32, end: End, provenance: Option<Provenance>) -> RunCommand {
        match end {
            End::Success => RunCommand::RecordSuccess {
                step,
                attempt,
                outcome: provenance.map(outcome),
                duration_ms: 1,
            },
            End::Failure(class) => RunCommand::RecordFailure {
                step,
                attempt,
                class,
                message: "no".into(),
                retry_at: at(),
                duration_ms: 1,
            },
        }
    }

    fn undo_report(step: StepId, attempt: u32, end: End) -> RunCommand {
        match end {
            End::Success => RunCommand::RecordCompensated {
                step,
                attempt,
                deleted: true,
                duration_ms: 1,
            },
            End::Failure(class) => RunCommand::RecordCompensationFailure {
                step,
                attempt,
                class,
                message: "no".into(),
                retry_at: at(),
            },
        }
    }

    pub fn work(&mut self, item: Work, end: End) {
        let command = match item {
            Work::Execute { step, attempt } => {
                let provenance = (!self.removes).then(|| self.provenances[&step]);
                let report = Self::report(step, attempt, end, provenance);
                self.last_report = Some(report.clone());
                report
            }
            Work::Retry { step, attempt, .. } => RunCommand::StartRetry { step, attempt },
            Work::Compensate { step, attempt, .. } => {
                let report = Self::undo_report(step, attempt, end);
                self.last_report = Some(report.clone());
                report
            }
        };
        self.take(command).unwrap();
    }

    /// What must be refused.
    fn refuse(&mut self, command: RunCommand) {
        let result = self.take(command.clone());
        let stale = matches!(result, Err(DomainError::StaleAttempt { .. }));
        assert!(stale, "{command:?} of {:?}: {result:?}", self.run);
    }

    /// What an operator may ask, and is told honestly if not.
    fn ask(&mut self, command: RunCommand) {
        let name = command.name();
        if let Err(DomainError::WrongState { accepts, .. }) = self.take(command) {
            assert!(
                !accepts.contains(&name),
                "{name} is refused, and named as accepted"
            );
        }
    }

    pub fn act(&mut self, act: Act) {
        match act {
            Act::Work(at, end) => {
                let mut work = self.run.work();
                if !work.is_empty() {
                    self.work(work.swap_remove(at.index(work.len())), end);
                }
            }
            Act::Stale(at, attempt, end) => {
                let step = self.pick(at);
                let state = &self.run.steps[&step];
                let current = state.phase == StepPhase::Running && state.attempt == attempt;
                if self.run.status.ended() || !current {
                    self.refuse(Self::report(
                        step.clone(),
                        attempt,
                        end,
                        Some(Provenance::Created),
                    ));
                }
                let same = |work: &Work| matches!(work, Work::Compensate { step: s, attempt: n, .. } if *s == step && *n == attempt);
                let due = self.run.work().iter().any(same);
                if !due {
                    self.refuse(Self::undo_report(step.clone(), attempt, end));
                }
                let state = &self.run.steps[&step];
                let scheduled = state.phase == StepPhase::Waiting && state.attempt + 1 == attempt;
                if self.run.status != RunStatus::Running || !scheduled {
                    self.refuse(RunCommand::StartRetry { step, attempt });
                }
            }
            Act::Duplicate => {
                if let Some(report) = self.last_report.clone() {
                    self.refuse(report);
                }
            }
            Act::Retry(at) => {
                // It numbers the tries of a compensation anew: an old report may look current from here on.
                self.last_report = None;
                self.ask(RunCommand::RetryStep { step: self.pick(at) });
            }
            Act::Skip(at) => {
                let reason = "by hand".into();
                self.ask(RunCommand::SkipStep {
                    step: self.pick(at),
                    reason,
                });
            }
            Act::Cancel => self.ask(RunCommand::Cancel {
                reason: "no more".into(),
            }),
            Act::Abandon => self.ask(RunCommand::Abandon {
                reason: "no more".into(),
            }),
            Act::Resume => {
                self.take(RunCommand::Resume).unwrap();
            }
        }
    }

    /// From here on the tools work, and an operator retries what is stuck: the run must end.
    pub fn finish(&mut self) {
        let mut left = 10 * self.run.plan.steps().len() + 10;
        while !self.run.status.ended() {
            assert!(left > 0, "the run does not end: {:?}", self.run);
            left -= 1;
            match (self.run.work().into_iter().next(), self.run.stuck_on.clone()) {
                (Some(work), _) => self.work(work, End::Success),
                (None, Some(step)) => self.take(RunCommand::RetryStep { step }).unwrap(),
                (None, None) => panic!("nothing to do, and not ended: {:?}", self.run),
            }
        }
    }
}
