//! A simulator: random plans, random outcomes, random operators. Whatever happens, a run keeps its promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::plan::{Plan, PlannedStep, SagaKind, StepId};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{FailureClass, Run, RunCommand, RunEvent, RunStatus, StepPhase, Work};
use opstella_domain::{Decide, DomainError};
use proptest::prelude::*;
use support::{at, id, key, outcome, run_id, step};

/// How a try ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Success,
    Failure(FailureClass),
}

/// What happens next in the world around a run.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// The engine does one thing of what the run offers.
    Work(prop::sample::Index, End),
    /// A report of a try that is not the current one.
    Stale(prop::sample::Index, u32, End),
    /// The last report of a try arrives again.
    Duplicate,
    Retry(prop::sample::Index),
    Skip(prop::sample::Index),
    Cancel,
    Abandon,
    /// A new process takes over.
    Resume,
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        10 => Just(End::Success),
        3 => Just(End::Failure(FailureClass::Transient)),
        1 => Just(End::Failure(FailureClass::Permanent)),
        1 => Just(End::Failure(FailureClass::Unauthorised)),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let at = any::<prop::sample::Index>;
    let act = prop_oneof![
        24 => (at(), ends()).prop_map(|(i, end)| Act::Work(i, end)),
        3 => (at(), 0u32..4, ends()).prop_map(|(i, n, end)| Act::Stale(i, n, end)),
        2 => Just(Act::Duplicate),
        2 => at().prop_map(Act::Retry),
        2 => at().prop_map(Act::Skip),
        1 => Just(Act::Cancel),
        1 => Just(Act::Abandon),
        2 => Just(Act::Resume),
    ];
    prop::collection::vec(act, 0..80)
}

/// A small DAG, and how each step's resource comes to be ours.
fn worlds() -> impl Strategy<Value = (Vec<PlannedStep>, BTreeMap<StepId, Provenance>)> {
    let provenance = prop_oneof![
        4 => Just(Provenance::Created),
        1 => Just(Provenance::Existing),
        1 => Just(Provenance::Adopted),
    ];
    prop::collection::vec((any::<u8>(), provenance), 1..8).prop_map(|rows| {
        let mut steps = Vec::new();
        let mut provenances = BTreeMap::new();
        for (i, (mask, provenance)) in rows.iter().enumerate() {
            let after: Vec<_> = (0..i)
                .filter(|d| mask >> d & 1 == 1)
                .map(|d| format!("s{d}"))
                .collect();
            let name = format!("s{i}");
            steps.push(step(&name, &after.iter().map(String::as_str).collect::<Vec<_>>()));
            provenances.insert(id(&name), *provenance);
        }
        (steps, provenances)
    })
}

struct World {
    run: Run,
    removes: bool,
    provenances: BTreeMap<StepId, Provenance>,
    events: Vec<RunEvent>,
    /// Steps in the order in which they were done, as the events say.
    done: Vec<StepId>,
    last_report: Option<RunCommand>,
}

impl World {
    fn new(steps: Vec<PlannedStep>, provenances: BTreeMap<StepId, Provenance>, removes: bool) -> Self {
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

    fn phase(&self, id: &StepId) -> StepPhase {
        self.run.steps[id].phase
    }

    fn pick(&self, at: prop::sample::Index) -> StepId {
        let steps = self.run.plan.steps();
        steps[at.index(steps.len())].id.clone()
    }

    /// Gives a command to the run; looks at every event before and after it happens.
    fn take(&mut self, command: RunCommand) -> Result<(), DomainError> {
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

    fn before(&mut self, event: &RunEvent, resume: bool) {
        let back = [RunStatus::Unwinding, RunStatus::Stuck { unwinding: true }];
        let going_back = back.contains(&self.run.status);
        match event {
            RunEvent::StepStarted { step, attempt } => {
                let state = &self.run.steps[step];
                assert_eq!(
                    *attempt,
                    state.attempt + 1,
                    "attempts of {step} are numbered one by one"
                );
                if state.phase == StepPhase::Running {
                    assert!(resume, "{step}: two live attempts");
                } else {
                    let fresh = [StepPhase::Pending, StepPhase::Waiting, StepPhase::Failed];
                    assert!(
                        fresh.contains(&state.phase),
                        "{step} starts again from {:?}",
                        state.phase
                    );
                }
                for dependency in &self.run.step(step).unwrap().depends_on {
                    let phase = self.phase(dependency);
                    let done = matches!(phase, StepPhase::Succeeded | StepPhase::Skipped);
                    assert!(done, "{step} starts, but {dependency} is {phase:?}");
                }
            }
            RunEvent::StepSucceeded { step, .. } => self.done.push(step.clone()),
            RunEvent::StepSkipped { step, .. } if !going_back => self.done.push(step.clone()),
            RunEvent::StepCompensated { step, .. } => {
                let running = self.run.steps.values().any(|s| s.phase == StepPhase::Running);
                assert!(!running, "{step} is undone while others go forward");
                // Whatever was done later is undone, or left behind, by now; and so is all that stands on it.
                let later = self
                    .done
                    .iter()
                    .position(|d| d == step)
                    .map(|at| &self.done[at + 1..]);
                let gone = |id: &StepId| {
                    matches!(
                        self.phase(id),
                        StepPhase::Compensated | StepPhase::LeftBehind | StepPhase::Pending
                    )
                };
                for id in later.unwrap_or_default() {
                    assert!(gone(id), "{step} is undone before {id}, which was done later");
                }
                for other in self.run.plan.steps() {
                    if other.depends_on.contains(step) {
                        assert!(
                            gone(&other.id),
                            "{step} is undone before {}, which stands on it",
                            other.id
                        );
                    }
                }
            }
            _ => {}
        }
    }

    fn after(&self) {
        let run = &self.run;
        let work = run.work();
        let mut named = BTreeSet::new();
        for item in &work {
            let (Work::Execute { step, .. } | Work::Retry { step, .. } | Work::Compensate { step, .. }) =
                item;
            assert!(named.insert(step), "{step} is offered twice: {work:?}");
            if let Work::Compensate { step, .. } = item {
                assert_eq!(work.len(), 1, "a compensation goes alone: {work:?}");
                let provenance = run.steps[step].provenance;
                let made = provenance != Some(Provenance::Existing);
                assert!(made, "{step} was ours before, and is to be deleted");
                assert!(!self.removes, "what is removed is not brought back");
            }
        }
        match run.status {
            status if status.ended() => assert!(work.is_empty()),
            RunStatus::Stuck { .. } => {
                let on = run.stuck_on.clone().expect("stuck on a step");
                let skip = RunCommand::SkipStep {
                    step: on.clone(),
                    reason: "x".into(),
                };
                assert!(run.decide(RunCommand::RetryStep { step: on }).is_ok());
                assert!(run.decide(skip).is_ok());
                assert!(run.decide(RunCommand::Abandon { reason: "x".into() }).is_ok());
            }
            _ => {
                assert!(run.stuck_on.is_none());
                assert!(
                    !work.is_empty(),
                    "a run that goes on has something to do: {run:?}"
                );
            }
        }
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

    fn work(&mut self, item: Work, end: End) {
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

    fn act(&mut self, act: Act) {
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
    fn finish(&mut self) {
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

    fn check_end(&self) {
        let run = &self.run;
        let phases = || run.steps.values().map(|s| s.phase);
        let left_behind = match self.events.last().unwrap() {
            RunEvent::RunSucceeded { left_behind } => {
                assert!(phases().all(|p| matches!(p, StepPhase::Succeeded | StepPhase::Skipped)));
                // Removing, what was skipped is still there; making, it never was.
                let removes = run.saga.is_some_and(|saga| saga.removes());
                let skipped = phases().filter(|p| *p == StepPhase::Skipped).count();
                assert_eq!(left_behind.len(), if removes { skipped } else { 0 });
                return;
            }
            RunEvent::RunFailed { left_behind, .. } => {
                assert_eq!(run.status, RunStatus::Failed);
                left_behind
            }
            RunEvent::RunCancelled { left_behind, .. } => {
                assert_eq!(run.status, RunStatus::Cancelled);
                left_behind
            }
            RunEvent::RunAbandoned { left_behind, .. } => {
                assert_eq!(run.status, RunStatus::Abandoned);
                left_behind
            }
            other => panic!("a run does not end with {other:?}"),
        };
        assert!(!run.cause_text().is_empty());
        for (id, state) in &run.steps {
            let listed = left_behind.contains(id);
            if self.removes {
                assert_eq!(
                    listed,
                    state.phase != StepPhase::Succeeded,
                    "{id} of an abandoned removal"
                );
                continue;
            }
            let was_there = state.provenance == Some(Provenance::Existing);
            let may_have_made = state.attempt > 0 && !was_there;
            let undone = state.phase == StepPhase::Compensated;
            assert_eq!(listed, may_have_made && !undone, "{id}: {state:?}");
        }
    }

    fn check_replay(&self) {
        let (mut replayed, mut from_json) = (Run::default(), Run::default());
        for event in &self.events {
            replayed.evolve(event.clone());
            let text = serde_json::to_string(event).unwrap();
            let read: RunEvent = serde_json::from_str(&text).unwrap();
            assert_eq!(&read, event);
            from_json.evolve(read);
        }
        let state = |run: &Run| serde_json::to_value(run).unwrap();
        assert_eq!(state(&replayed), state(&self.run));
        assert_eq!(state(&from_json), state(&self.run));
        // A snapshot is as good as the events.
        let snapshot: Run = serde_json::from_value(state(&self.run)).unwrap();
        assert_eq!(snapshot.work(), self.run.work());
    }
}

/// `PROPTEST_CASES` asks for more or fewer.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(1500),
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_run_keeps_its_promises(
        (steps, provenances) in worlds(),
        removes in prop::bool::weighted(0.25),
        acts in acts(),
    ) {
        let mut world = World::new(steps, provenances, removes);
        for act in acts {
            world.act(act);
        }
        world.check_replay();
        world.finish();
        world.check_end();
        world.check_replay();
    }

    #[test]
    fn a_run_without_trouble_succeeds_in_one_try_a_step((steps, provenances) in worlds(), picks in prop::collection::vec(any::<prop::sample::Index>(), 8)) {
        let mut world = World::new(steps, provenances, false);
        for pick in picks {
            world.act(Act::Work(pick, End::Success));
        }
        world.finish();
        prop_assert_eq!(world.run.status, RunStatus::Succeeded);
        prop_assert!(world.run.steps.values().all(|s| s.attempt == 1));
    }

    #[test]
    fn tools_that_never_recover_still_let_a_run_end((steps, provenances) in worlds(), removes in any::<bool>(), end in ends()) {
        let mut world = World::new(steps, provenances, removes);
        for _ in 0..400 {
            match (world.run.work().into_iter().next(), world.run.stuck_on.clone()) {
                (Some(work), _) => world.work(work, end),
                (None, Some(step)) => world.take(RunCommand::SkipStep { step, reason: "never".into() }).unwrap(),
                (None, None) => break,
            }
        }
        prop_assert!(world.run.status.ended(), "{:?}", world.run);
        world.check_end();
    }
}
