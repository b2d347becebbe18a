//! What the environment before has to say.

use opstella_domain::policy::{GateInput, GateVerdict, ImageEvidence, Predecessor, Running};

use crate::given::{one, only, says};
use crate::support::promotion::{digest, gate_input, later, name, runs, version};

use GateVerdict::{Failed, Passed, Waiting as Waited};

fn there(input: &mut GateInput) -> &mut Running {
    input.predecessor.as_mut().unwrap().running.as_mut().unwrap()
}

/// Another release, with another image.
fn earlier() -> Running {
    Running {
        release: version("0.9"),
        images: [(name("api"), runs("api-0", -60))].into(),
        ..there(&mut gate_input(vec![])).clone()
    }
}

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
    let other = gate(&|p| *p.running.as_mut().unwrap() = earlier());
    says(&other, Failed, "PRE runs 0.9, not 1.0.0");
    says(&gate(&|p| p.running = None), Failed, "PRE runs nothing");
    let mut first = gate_input(vec![]);
    first.predecessor = None;
    says(&one(&rules, &first), Passed, "there is no environment before");
}

#[test]
fn the_environment_before_has_run_the_release_for_a_while() {
    let rules = only(|r| r.soak_minutes = 60);
    let gate = |minutes: i64, contents: &str| {
        let mut input = gate_input(vec![]);
        there(&mut input).images = [(name("api"), runs(contents, minutes))].into();
        one(&rules, &input)
    };
    let waits = gate(-59, "api-1");
    says(
        &waits,
        Waited,
        "in PRE since 2026-01-02 02:05 UTC, 60 minutes are asked for",
    );
    assert_eq!(waits.opens_at, Some(later(1)));
    assert_eq!(waits.remedy.as_deref(), Some("wait until 2026-01-02 03:05 UTC"));
    assert_eq!(gate(-60, "api-1").verdict, Passed);
    assert_eq!(gate(-60, "api-0").verdict, Failed);
    let mut input = gate_input(vec![]);
    input.predecessor = None;
    assert_eq!(one(&rules, &input).verdict, Passed);
}

/// A release of `api` and `web`; in the environment before, another came after `api` did.
fn by_component() -> GateInput {
    let mut input = gate_input(vec![]);
    let running = there(&mut input);
    running.release = version("0.9-web");
    running.since = later(-10);
    running.images = [
        (name("api"), runs("api-1", -60)),
        (name("web"), runs("web-1", -10)),
        (name("db"), runs("db-1", -1)),
    ]
    .into();
    input
}

#[test]
fn what_counts_is_which_images_run_and_not_which_release_came_last() {
    let healthy = only(|r| r.healthy_before = true);
    let soaked = only(|r| r.soak_minutes = 60);
    let mut input = by_component();
    says(&one(&healthy, &input), Passed, "the release is healthy in PRE");
    says(&one(&soaked, &input), Passed, "in PRE since 2026-01-02 02:04 UTC");
    // It has both: the later one counts.
    let web = ImageEvidence {
        digest: digest("web-1"),
        evidence: vec![],
    };
    input.images.insert(name("web"), web);
    assert_eq!(one(&healthy, &input).verdict, Passed);
    assert_eq!(one(&soaked, &input).opens_at, Some(later(50)));
    there(&mut input).images.insert(name("web"), runs("web-2", -10));
    let reason = "PRE runs another image of web than 1.0.0 has";
    for rules in [&healthy, &soaked] {
        says(&one(rules, &input), Failed, reason);
    }
    there(&mut input).images.remove(&name("web"));
    says(&one(&healthy, &input), Failed, reason);
}

#[test]
fn what_was_ill_or_changed_by_hand_was_not_tried() {
    let rules = only(|r| r.soak_minutes = 60);
    let mut input = gate_input(vec![]);
    there(&mut input).well_since = Some(later(-5));
    let waits = one(&rules, &input);
    says(
        &waits,
        Waited,
        "well in PRE since 2026-01-02 02:59 UTC, 60 minutes are asked for",
    );
    assert_eq!(waits.opens_at, Some(later(55)));
    there(&mut input).well_since = Some(later(-60));
    assert_eq!(one(&rules, &input).verdict, Passed);
    // Before it came, something else was ill.
    there(&mut input).well_since = Some(later(-4 * 24 * 60));
    says(&one(&rules, &input), Passed, "in PRE since 2025-12-31 03:04 UTC");
    there(&mut input).healthy = false;
    says(&one(&rules, &input), Failed, "the release is not healthy in PRE");
}
