//! Runs, the engine that executes them, and the operators whom they wait for.

use chrono::TimeDelta;
use opstella_domain::plan::{CarriedImage, SagaKind, StepId, plan_promote};
use opstella_domain::promotion::{EnvironmentCommand, Health, RunEnd};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{Run, RunCommand, RunEvent, RunStatus, StepPhase, Work};
use opstella_domain::{DomainError, Environment, RunId, Tool};
use proptest::sample::Index;

use super::{Stream, World};
use crate::acts::{Fate, RunAct};
use crate::support::{key, outcome, targets};

/// More than any run has to do once its tools work.
const ENOUGH: usize = 200;

impl World {
    /// The run that carries what is in flight.
    pub(super) fn plan_deployment(&mut self, environment: Environment, run: RunId) {
        let there = &self.places[&environment].stream.state;
        let promotion = there.in_flight.as_ref().unwrap();
        let running = there.images();
        let was_ill = there
            .current
            .as_ref()
            .is_some_and(|c| c.health == Health::Degraded);
        let images = promotion.images.iter().map(|(component, digest)| CarriedImage {
            component: component.clone(),
            digest: digest.clone(),
            previous: running.get(component).cloned(),
            was_ill,
        });
        let images: Vec<_> = images.collect();
        let plan = plan_promote(&key(), environment, &promotion.release, &images, &targets()).unwrap();
        let planned = RunCommand::Plan {
            run,
            saga: SagaKind::Promote,
            service: key(),
            adopt: false,
            at: self.now,
            environment: Some(environment),
            plan,
        };
        self.plan_run(run, planned);
    }

    pub(super) fn plan_run(&mut self, run: RunId, planned: RunCommand) {
        let mut stream = Stream::default();
        stream.take(&mut self.tally, planned).unwrap();
        assert!(self.runs.insert(run, stream).is_none(), "a run twice");
    }

    /// One of the runs that go on; where there is none, one that has ended.
    fn pick(&self, which: Index) -> RunId {
        let all = || self.runs.iter();
        let mut runs: Vec<_> = all()
            .filter(|(_, r)| !r.state.status.ended())
            .map(|(id, _)| *id)
            .collect();
        if runs.is_empty() {
            runs.extend(all().map(|(id, _)| *id));
        }
        runs[which.index(runs.len())]
    }

    pub(super) fn operate(&mut self, which: Index, what: &RunAct) -> Result<(), DomainError> {
        let run = self.pick(which);
        let state = &self.runs[&run].state;
        let steps = state.plan.steps();
        let named = |step: &Index| steps[step.index(steps.len())].id.clone();
        let stuck = || state.stuck_on.clone().unwrap_or_else(|| steps[0].id.clone());
        let meant = |step: &Option<Index>| step.as_ref().map_or_else(stuck, named);
        let reason = || "by hand".to_owned();
        let command = match what {
            RunAct::Work { piece, fate } => {
                let work = state.work();
                if !work.is_empty() {
                    self.work(run, work[piece.index(work.len())].clone(), *fate);
                }
                return Ok(());
            }
            RunAct::Drive { fates } => {
                self.drive(run, fates);
                return Ok(());
            }
            RunAct::Finish => {
                self.finish(run);
                return Ok(());
            }
            RunAct::Stale { step, attempt } => return self.stale(run, named(step), *attempt),
            RunAct::Retry { step } => RunCommand::RetryStep { step: meant(step) },
            RunAct::Skip { step } => RunCommand::SkipStep {
                step: meant(step),
                reason: reason(),
            },
            RunAct::Cancel => RunCommand::Cancel { reason: reason() },
            RunAct::Abandon => RunCommand::Abandon { reason: reason() },
            RunAct::Resume => RunCommand::Resume,
            RunAct::LookAgain { tool } => {
                let all: Vec<_> = Tool::all().collect();
                let tool = all[tool.index(all.len())];
                RunCommand::LookAgain { tool }
            }
        };
        self.run(run, command)
    }

    fn stale(&mut self, run: RunId, step: StepId, attempt: u32) -> Result<(), DomainError> {
        let state = &self.runs[&run].state;
        let there = &state.steps[&step];
        if !state.status.ended() && there.phase == StepPhase::Running && there.attempt == attempt {
            return Ok(());
        }
        let command = RunCommand::RecordSuccess {
            step,
            attempt,
            outcome: Some(outcome(Provenance::Created)),
            duration_ms: 1,
        };
        let done = self.run(run, command);
        assert!(done.is_err(), "a report of a try that is over counts");
        done
    }

    /// Gives a command to a run; what its end means for others follows at once.
    fn run(&mut self, run: RunId, command: RunCommand) -> Result<(), DomainError> {
        let stream = self.runs.get_mut(&run).unwrap();
        let before = stream.state.status;
        let events = stream.take(&mut self.tally, command)?;
        let skips = events
            .iter()
            .any(|event| matches!(event, RunEvent::StepSkipped { .. }));
        let back = matches!(
            before,
            RunStatus::Unwinding | RunStatus::Stuck { unwinding: true }
        );
        if stream.state.saga == Some(SagaKind::Promote) {
            assert!(!skips || back, "a step of a promotion is left out");
        }
        if stream.state.status.ended() && !before.ended() {
            self.ended(run);
        }
        Ok(())
    }

    fn ended(&mut self, run: RunId) {
        let state = self.runs[&run].state.clone();
        let Some(environment) = state.environment else {
            return self.end_for_service(run, &state);
        };
        let end = match state.status {
            RunStatus::Succeeded => RunEnd::Succeeded,
            _ => RunEnd::Undone {
                cause: state.cause_text(),
                changed: state.committed(),
                left_behind: !state.left_behind().is_empty(),
            },
        };
        if let RunEnd::Undone { changed, .. } = end {
            let told = changed || !self.tools.committed.contains(&run);
            assert!(
                told,
                "an environment was changed and changed back, and nobody is told"
            );
        }
        let command = EnvironmentCommand::EndRun {
            run,
            end,
            at: self.now,
        };
        let events = self.environment(environment, command, false).unwrap();
        assert!(!events.is_empty(), "a deployment ends, and nothing follows");
    }

    pub(super) fn drive(&mut self, run: RunId, fates: &[Fate]) {
        for fate in fates {
            let Some(piece) = self.runs[&run].state.work().into_iter().next() else {
                return;
            };
            self.work(run, piece, *fate);
        }
    }

    pub(super) fn finish(&mut self, run: RunId) {
        self.drive(run, &[Fate::Done; ENOUGH]);
        let status = self.runs[&run].state.status;
        let waits = matches!(status, RunStatus::Stuck { .. });
        assert!(status.ended() || waits, "tools work, and it does not end");
    }

    /// The engine does a piece of work, when its time has come.
    fn work(&mut self, run: RunId, piece: Work, fate: Fate) {
        let (now, soon) = (self.now, self.now + TimeDelta::minutes(1));
        let message = || "no".to_owned();
        let command = match (piece, fate) {
            (
                Work::Retry {
                    step,
                    attempt,
                    not_before,
                },
                _,
            ) => {
                self.now = now.max(not_before);
                RunCommand::StartRetry { step, attempt }
            }
            (Work::Execute { step, attempt }, Fate::Done) => RunCommand::RecordSuccess {
                outcome: self.does(run, &step),
                step,
                attempt,
                duration_ms: 1,
            },
            (Work::Execute { step, attempt }, Fate::Failed { class, effect }) => {
                if effect {
                    self.does(run, &step);
                }
                RunCommand::RecordFailure {
                    step,
                    attempt,
                    class,
                    message: message(),
                    retry_at: soon,
                    duration_ms: 1,
                }
            }
            (Work::Compensate { step, attempt, .. }, Fate::Done) => RunCommand::RecordCompensated {
                deleted: self.undoes(run, &step),
                step,
                attempt,
                duration_ms: 1,
            },
            (Work::Compensate { step, attempt, .. }, Fate::Failed { class, effect }) => {
                if effect {
                    self.undoes(run, &step);
                }
                RunCommand::RecordCompensationFailure {
                    step,
                    attempt,
                    class,
                    message: message(),
                    retry_at: soon,
                }
            }
            (Work::Execute { step, attempt }, Fate::Awaited) => RunCommand::RecordAwaited {
                step,
                attempt,
                back: false,
                message: message(),
                at: now,
                look_at: soon,
            },
            (Work::Compensate { step, attempt, .. }, Fate::Awaited) => RunCommand::RecordAwaited {
                step,
                attempt,
                back: true,
                message: message(),
                at: now,
                look_at: soon,
            },
        };
        self.run(run, command).unwrap();
    }

    fn does(&mut self, run: RunId, step: &StepId) -> Option<opstella_domain::resource::StepOutcome> {
        let Self { runs, tools, .. } = self;
        let state = &runs[&run].state;
        let provenance = match state.environment {
            Some(environment) => tools.does(run, environment, state.step(step).unwrap()),
            None => Provenance::Created,
        };
        let removes = state.saga.is_some_and(SagaKind::removes);
        (!removes).then(|| outcome(provenance))
    }

    fn undoes(&mut self, run: RunId, step: &StepId) -> bool {
        let Self { runs, tools, .. } = self;
        let state: &Run = &runs[&run].state;
        match state.environment {
            Some(environment) => tools.undoes(run, environment, state.step(step).unwrap()),
            None => true,
        }
    }
}
