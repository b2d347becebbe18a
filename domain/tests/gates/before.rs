//! What the environment before has to say.

use opstella_domain::policy::{GateVerdict, Predecessor};

use crate::given::{one, only, says};
use crate::support::promotion::{gate_input, later, version};

use GateVerdict::{Failed, Passed, Waiting as Waited};

#[test]
fn the_environment_before_runs_the_release_well() {
    let rules = only(|r| r.healthy_before = true);
    let gate = |change: &dyn Fn(&mut Predecessor)| {
        let mut input = gate_input(vec![]);
        change(input.predecessor.as_mut().unwrap());
        one(&rules, &input)
    };
    says(&gate(&|_| {}), Passed, "the release is healthy in PRE");
    let ill = gate(&|p| p.running.as_mut().unwrap().healthy = false);
    says(&ill, Failed, "the release is not healthy in PRE");
    let other = gate(&|p| p.running.as_mut().unwrap().release = version("0.9"));
    says(&other, Failed, "PRE runs 0.9, not 1.0.0");
    says(&gate(&|p| p.running = None), Failed, "PRE runs nothing");
    let mut first = gate_input(vec![]);
    first.predecessor = None;
    says(&one(&rules, &first), Passed, "there is no environment before");
}

#[test]
fn the_environment_before_has_run_the_release_for_a_while() {
    let rules = only(|r| r.soak_minutes = 60);
    let gate = |minutes: i64, release: &str| {
        let mut input = gate_input(vec![]);
        let running = input.predecessor.as_mut().unwrap().running.as_mut().unwrap();
        running.since = later(minutes);
        running.release = version(release);
        one(&rules, &input)
    };
    let waits = gate(-59, "1.0.0");
    says(
        &waits,
        Waited,
        "in PRE since 2026-01-02 02:05 UTC, 60 minutes are asked for",
    );
    assert_eq!(waits.opens_at, Some(later(1)));
    assert_eq!(waits.remedy.as_deref(), Some("wait until 2026-01-02 03:05 UTC"));
    assert_eq!(gate(-60, "1.0.0").verdict, Passed);
    assert_eq!(gate(-60, "0.9").verdict, Failed);
    let mut input = gate_input(vec![]);
    input.predecessor = None;
    assert_eq!(one(&rules, &input).verdict, Passed);
}
