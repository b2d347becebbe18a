//! A small world of one service: random people do random things with releases, policies, waivers and promotions, in
//! random order, and runs end well or badly. Whatever happens, environments keep their promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod acts;
mod ledger;
mod oracle;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use opstella_domain::Environment;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use acts::{acts, choices, people};
use world::World;

/// `PROPTEST_CASES` asks for more or fewer.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(2000),
        max_shrink_iters: 20_000,
        source_file: Some(file!()),
        ..ProptestConfig::default()
    }
}

#[test]
fn environments_keep_their_promises() {
    let config = config();
    let cases = config.cases as usize;
    let reached: [AtomicUsize; 8] = Default::default();
    let ran = TestRunner::new(config).run(&(choices(), people(), acts()), |(chosen, people, acts)| {
        let mut world = World::new(chosen, people);
        for act in acts {
            world.act(act);
            world.check();
        }
        world.check_replay();
        let seen = [
            world.completed(Environment::Prd) > 0,
            world.count("DeploymentRolledBack") > 0,
            world.count("ApprovalsVoided") > 0,
            world.count("PromotionTakenUp") > 0,
            world.count("FreezeOverridden") > 0,
            world.count("DriftDetected") > 0,
            world.rolled_back() > 0,
            world.refused > 0,
        ];
        for (count, seen) in reached.iter().zip(seen) {
            count.fetch_add(usize::from(seen), Ordering::Relaxed);
        }
        Ok(())
    });
    if let Err(wrong) = ran {
        panic!("{wrong}");
    }
    // A world in which nothing much happens would keep any promise.
    let reached = reached.map(AtomicUsize::into_inner);
    println!("of {cases} worlds: {reached:?}");
    assert!(
        cases < 500 || reached.iter().all(|count| count * 500 > cases),
        "of {cases} worlds: {reached:?}"
    );
}
