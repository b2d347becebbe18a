//! What a run keeps to, whatever happens.

use std::collections::BTreeSet;

use opstella_domain::Decide;
use opstella_domain::plan::StepId;
use opstella_domain::resource::Provenance;
use opstella_domain::run::{Run, RunCommand, RunEvent, RunStatus, StepPhase, Work};

use crate::world::World;

impl World {
    fn phase(&self, id: &StepId) -> StepPhase {
        self.run.steps[id].phase
    }

    pub fn before(&mut self, event: &RunEvent, resume: bool) {
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

    pub fn after(&self) {
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

    pub fn check_end(&self) {
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

    pub fn check_replay(&self) {
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
