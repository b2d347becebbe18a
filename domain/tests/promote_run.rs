//! A run that carries a release: no step is left out on the way forward, and its end says whether the environment was
//! changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use opstella_domain::plan::{CarriedImage, Plan, SagaKind, StepId, Targets, plan_promote};
use opstella_domain::resource::{Commit, Provenance};
use opstella_domain::run::{FailureClass, Run, RunCommand, RunStatus, StepPhase, Work};
use opstella_domain::{Decide, DomainError, Environment};
use support::promotion::{digest, later, name, version};
use support::{at, key, outcome, run_id, targets};

fn promotion() -> Plan {
    promotion_on(&targets())
}

fn promotion_on(targets: &Targets) -> Plan {
    let images = ["api", "web"].map(|component| CarriedImage {
        component: name(component),
        digest: digest(component),
        previous: Some(digest("before")),
        was_ill: false,
    });
    plan_promote(&key(), Environment::Prd, &version("2"), &images, targets).unwrap()
}

fn take(run: &mut Run, command: RunCommand) {
    let text = format!("{command:?}");
    let events = run.decide(command).unwrap_or_else(|e| panic!("{text}: {e}"));
    events.into_iter().for_each(|event| run.evolve(event));
}

fn failure(step: &StepId, attempt: u32, class: FailureClass) -> RunCommand {
    RunCommand::RecordFailure {
        step: step.clone(),
        attempt,
        class,
        message: "no".into(),
        retry_at: at(),
        duration_ms: 5,
    }
}

fn skip(step: &StepId) -> RunCommand {
    RunCommand::SkipStep {
        step: step.clone(),
        reason: "it will be fine".into(),
    }
}

fn success(step: &StepId, attempt: u32, provenance: Provenance) -> RunCommand {
    RunCommand::RecordSuccess {
        step: step.clone(),
        attempt,
        outcome: Some(outcome(provenance)),
        duration_ms: 5,
    }
}

fn planned() -> Run {
    planned_as(promotion())
}

fn planned_as(plan: Plan) -> Run {
    let mut run = Run::default();
    let planned = RunCommand::Plan {
        run: run_id(1),
        saga: SagaKind::Promote,
        service: key(),
        adopt: false,
        at: at(),
        environment: Some(Environment::Prd),
        plan,
    };
    take(&mut run, planned);
    run
}

/// A run with everything done but this step and what comes after it, which is under way.
fn before(step: &StepId) -> Run {
    before_in(promotion(), step)
}

fn before_in(plan: Plan, step: &StepId) -> Run {
    let mut run = planned_as(plan);
    loop {
        let others = run.work().into_iter().find_map(|work| match work {
            Work::Execute { step: other, attempt } if &other != step => Some((other, attempt)),
            _ => None,
        });
        let Some((other, attempt)) = others else {
            return run;
        };
        take(&mut run, success(&other, attempt, Provenance::Created));
    }
}

#[test]
fn no_step_is_left_out_on_the_way_forward() {
    use FailureClass::{Transient, Unauthorised};
    for step in promotion().steps() {
        for (class, accepts) in [
            (Transient, &["CancelRun", "RetryStep"][..]),
            (Unauthorised, &["RetryStep", "CancelRun", "AbandonRun"][..]),
        ] {
            let mut run = before(&step.id);
            assert_eq!(run.steps[&step.id].phase, StepPhase::Running, "{}", step.id);
            take(&mut run, failure(&step.id, 1, class));
            let refused = run.decide(skip(&step.id)).expect_err(step.id.as_str());
            let DomainError::WrongState {
                accepts: takes,
                state,
                ..
            } = &refused
            else {
                panic!("{}: {refused}", step.id)
            };
            assert_eq!(takes, accepts, "{}", step.id);
            assert!(state.contains("no step of a promotion is left out"), "{state}");
            take(
                &mut run,
                RunCommand::RetryStep {
                    step: step.id.clone(),
                },
            );
        }
    }
}

#[test]
fn what_cannot_be_undone_is_left_behind_by_an_operator() {
    for step in promotion().steps() {
        let mut run = before(&step.id);
        take(&mut run, failure(&step.id, 1, FailureClass::Permanent));
        assert_eq!(run.status, RunStatus::Unwinding, "{}", step.id);
        while !run.status.ended() {
            let Some(Work::Compensate { step, attempt, .. }) = run.work().pop() else {
                panic!("{:?}", run.work());
            };
            let refused = RunCommand::RecordCompensationFailure {
                step: step.clone(),
                attempt,
                class: FailureClass::Permanent,
                message: "locked".into(),
                retry_at: at(),
            };
            take(&mut run, refused);
            assert_eq!(run.status, RunStatus::Stuck { unwinding: true });
            take(&mut run, skip(&step));
            assert_eq!(run.steps[&step].phase, StepPhase::LeftBehind);
        }
        assert_eq!(run.status, RunStatus::Failed, "{}", step.id);
    }
}

/// What becomes of a step.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// It made something.
    Makes,
    /// What it is to make was there.
    Finds,
    /// It fails; its compensation finds that it had made nothing.
    FailsFirst,
    /// It made something and failed; its compensation finds and undoes that.
    FailsAfter,
    /// It fails, and so does its compensation, until an operator gives it up.
    FailsAndStays,
}

/// What it is, what becomes of which steps, and whether the environment was changed.
type Case<'a> = (&'a str, &'a [(&'a str, Fate)], bool);

/// A run of a promotion in which this becomes of these steps, and all others but the health checks go well.
fn ended(fates: &[(&str, Fate)]) -> Run {
    let fate = |step: &StepId| {
        let given = fates.iter().find(|(name, _)| *name == step.as_str());
        match given {
            Some((_, fate)) => *fate,
            None if step.as_str().starts_with("argocd.healthy/") => Fate::FailsFirst,
            None => Fate::Makes,
        }
    };
    let mut run = planned();
    while !run.status.ended() {
        let work = run.work().into_iter().next().expect("something to do");
        let command = match work {
            Work::Execute { step, attempt } => match fate(&step) {
                Fate::Makes => success(&step, attempt, Provenance::Created),
                Fate::Finds => success(&step, attempt, Provenance::Existing),
                _ => failure(&step, attempt, FailureClass::Permanent),
            },
            Work::Compensate { step, attempt, .. } if fate(&step) == Fate::FailsAndStays => {
                let refused = RunCommand::RecordCompensationFailure {
                    step: step.clone(),
                    attempt,
                    class: FailureClass::Permanent,
                    message: "locked".into(),
                    retry_at: at(),
                };
                take(&mut run, refused);
                skip(&step)
            }
            Work::Compensate { step, attempt, .. } => RunCommand::RecordCompensated {
                deleted: fate(&step) != Fate::FailsFirst,
                step,
                attempt,
                duration_ms: 5,
            },
            Work::Retry { .. } => panic!("nothing fails transiently"),
        };
        take(&mut run, command);
    }
    run
}

#[test]
fn the_end_says_whether_the_environment_was_changed() {
    use Fate::{FailsAfter, FailsAndStays, FailsFirst, Finds, Makes};
    let (api, web) = ("gitlab.image/api", "gitlab.image/web");
    let cases: &[Case<'_>] = &[
        (
            "an image is missing",
            &[("harbor.artifact/api", FailsFirst)],
            false,
        ),
        ("both committed", &[], true),
        ("both named already", &[(api, Finds), (web, Finds)], false),
        ("one named already", &[(api, Finds), (web, Makes)], true),
        ("none committed", &[(api, FailsFirst), (web, FailsFirst)], false),
        (
            "a commit landed although its step failed",
            &[(api, FailsAfter), (web, FailsFirst)],
            true,
        ),
        (
            "a commit that may be there",
            &[(api, FailsAndStays), (web, FailsFirst)],
            true,
        ),
        ("one committed, one not", &[(api, Makes), (web, FailsFirst)], true),
    ];
    for (name, fates, changed) in cases {
        let run = ended(fates);
        assert_eq!(run.status, RunStatus::Failed, "{name}");
        assert_eq!(run.committed(), *changed, "{name}");
    }
}

#[test]
fn a_deployment_may_take_as_long_as_its_plan_says() {
    let healthy: StepId = "argocd.healthy/api".parse().unwrap();
    let minutes = 7;
    let targets = Targets {
        deploy_wait_minutes: minutes,
        ..targets()
    };
    let plan = promotion_on(&targets);
    for step in plan.steps() {
        let waits =
            step.id.as_str().starts_with("argocd.healthy/") || step.id.as_str().starts_with("argocd.hold/");
        let patience = step.operation.patience().as_secs();
        assert_eq!(patience == u64::from(minutes) * 60, waits, "{}", step.id);
    }
    let mut run = before_in(plan, &healthy);
    let look = |attempt: u32, after: i64| RunCommand::RecordAwaited {
        step: healthy.clone(),
        attempt,
        back: false,
        message: "Progressing".into(),
        at: later(after),
        look_at: later(after),
    };
    let again = |attempt: u32| RunCommand::StartRetry {
        step: healthy.clone(),
        attempt,
    };
    take(&mut run, look(1, 0));
    for minute in 1..=7 {
        assert_eq!(run.status, RunStatus::Running, "{minute}");
        let attempt = minute + 1;
        take(&mut run, again(attempt));
        take(&mut run, look(attempt, minute.into()));
    }
    assert_eq!(run.status, RunStatus::Unwinding);
    let told = run.cause_text();
    assert!(told.contains("not done within 7 minutes"), "{told}");
}

fn made(revision: &str, before: Option<&str>) -> Commit {
    Commit {
        revision: revision.into(),
        before: before.map(str::to_owned),
    }
}

/// A run after these steps, all others of its component but `argocd.healthy` done without a commit.
fn with_commits(commits: &[(&str, Provenance, Option<Commit>)]) -> Run {
    let mut run = planned();
    loop {
        let next = run.work().into_iter().find_map(|work| match work {
            Work::Execute { step, attempt } if !step.as_str().starts_with("argocd.healthy/") => {
                Some((step, attempt))
            }
            _ => None,
        });
        let Some((step, attempt)) = next else {
            return run;
        };
        let given = commits.iter().find(|(name, ..)| *name == step.as_str());
        let (provenance, commit) = match given {
            Some((_, provenance, commit)) => (*provenance, commit.clone()),
            None => (Provenance::Existing, None),
        };
        let outcome = opstella_domain::resource::StepOutcome {
            commit,
            ..outcome(provenance)
        };
        let done = RunCommand::RecordSuccess {
            step,
            attempt,
            outcome: Some(outcome),
            duration_ms: 5,
        };
        take(&mut run, done);
    }
}

fn commit_of(run: &Run, step: &str) -> Option<Commit> {
    let step = run.plan.steps().iter().find(|s| s.id.as_str() == step).unwrap();
    run.commit_of(step)
}

#[test]
fn each_component_is_deployed_by_its_own_commit_and_goes_back_to_what_it_ran() {
    use Provenance::Created;
    let run = planned();
    assert_eq!(
        commit_of(&run, "argocd.sync/api"),
        None,
        "nothing is committed yet"
    );
    assert_eq!(commit_of(&run, "argocd.hold/api"), None);
    let run = with_commits(&[
        ("argocd.hold/api", Created, Some(made("deployed", None))),
        ("gitlab.image/api", Created, Some(made("api", Some("head")))),
        ("argocd.hold/web", Created, None),
        ("gitlab.image/web", Created, Some(made("web", Some("head")))),
    ]);
    for step in ["gitlab.image/api", "argocd.sync/api", "argocd.healthy/api"] {
        assert_eq!(commit_of(&run, step), Some(made("api", Some("head"))), "{step}");
    }
    assert_eq!(
        commit_of(&run, "argocd.sync/web"),
        Some(made("web", Some("head")))
    );
    assert_eq!(commit_of(&run, "kubernetes.smoke/api"), None);
    // Back to what was deployed; where nothing was, to the commit before.
    assert_eq!(
        commit_of(&run, "argocd.hold/api"),
        Some(made("api", Some("deployed")))
    );
    assert_eq!(
        commit_of(&run, "argocd.hold/web"),
        Some(made("web", Some("head")))
    );
}

#[test]
fn there_is_nothing_to_go_back_to_where_a_component_stays_as_it_is() {
    use Provenance::{Created, Existing};
    let held = ("argocd.hold/api", Created, Some(made("deployed", None)));
    let found = ("gitlab.image/api", Existing, Some(made("head", None)));
    let run = with_commits(&[held.clone(), found.clone()]);
    assert_eq!(commit_of(&run, "argocd.sync/api"), Some(made("head", None)));
    assert_eq!(commit_of(&run, "argocd.hold/api"), None);
    // What was not deployed of the repository is now.
    let run = with_commits(&[held, found, ("argocd.sync/api", Created, None)]);
    assert_eq!(
        commit_of(&run, "argocd.hold/api"),
        Some(made("head", Some("deployed")))
    );
}

/// What an earlier try may have left counts as the run's own, and only then.
#[test]
fn a_try_is_uncertain_if_it_did_not_say_what_became_of_it() {
    let step: StepId = "harbor.artifact/api".parse().unwrap();
    let uncertain = |run: &Run| run.steps[&step].uncertain;
    let mut run = planned();
    assert!(!uncertain(&run));
    take(&mut run, failure(&step, 1, FailureClass::Permanent));
    assert!(!uncertain(&run), "it was refused");
    for class in [FailureClass::Transient, FailureClass::Unauthorised] {
        let mut run = planned();
        take(&mut run, failure(&step, 1, class));
        assert!(uncertain(&run), "{class:?}");
    }
    let mut run = planned();
    take(&mut run, RunCommand::Resume);
    assert!(uncertain(&run), "another engine had it");
    // A look that finds it under way says so.
    let mut run = planned();
    let look = RunCommand::RecordAwaited {
        step: step.clone(),
        attempt: 1,
        back: false,
        message: "Progressing".into(),
        at: later(0),
        look_at: later(0),
    };
    take(&mut run, look);
    let again = RunCommand::StartRetry {
        step: step.clone(),
        attempt: 2,
    };
    take(&mut run, again);
    assert!(!uncertain(&run));
}
