//! A simulator: random plans, random outcomes, random operators. Whatever happens, a run keeps its promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod acts;
mod promises;
#[path = "../support/mod.rs"]
mod support;
mod world;

use opstella_domain::run::{RunCommand, RunStatus};
use proptest::prelude::*;

use acts::{Act, End, acts, ends, worlds};
use world::World;

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
