//! A small world of one service: random people do random things with the service, its releases, policies, waivers,
//! promotions and runs, in random order; runs end well or badly, or wait for an operator. Whatever happens, environments
//! keep their promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod acts;
mod dice;
mod ledger;
mod oracle;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use opstella_domain::Environment;
use opstella_domain::access::{Scope, Sort, table};
use opstella_domain::run::RunStatus;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use dice::{acts, choices, people};
use world::{COMMANDS, World};

/// `PROPTEST_CASES` asks for more or fewer.
fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        max_shrink_iters: 20_000,
        source_file: Some(file!()),
        ..ProptestConfig::default()
    }
}

/// What happened in a world, by name.
fn happened(world: &World) -> Vec<(&'static str, bool)> {
    let events = [
        "DeploymentRolledBack",
        "ApprovalsVoided",
        "PromotionTakenUp",
        "FreezeOverridden",
        "DriftDetected",
        "RunStuck",
        "StepSkipped",
        "EnvironmentAdded",
        "ComponentAdded",
        "EnvironmentRemoved",
    ];
    let mut happened: Vec<_> = events.map(|name| (name, world.count(name) > 0)).into();
    happened.extend([
        (
            "something came to production",
            world.completed(Environment::Prd) > 0,
        ),
        ("something went back", world.rolled_back() > 0),
        ("something was refused", world.refused > 0),
        (
            "a deployment was cancelled",
            world.deployments(RunStatus::Cancelled) > 0,
        ),
        (
            "a deployment was abandoned",
            world.deployments(RunStatus::Abandoned) > 0,
        ),
    ]);
    happened
}

#[test]
fn environments_keep_their_promises() {
    let config = config(2000);
    let cases = config.cases as usize;
    let reached: Mutex<BTreeMap<&str, usize>> = Mutex::default();
    let operations: Mutex<BTreeSet<&str>> = Mutex::default();
    let ran = TestRunner::new(config).run(&(choices(), people(), acts()), |(chosen, people, acts)| {
        let mut world = World::new(chosen, people);
        for act in acts {
            world.act(act);
            world.check();
        }
        let seen = happened(&world)
            .into_iter()
            .filter(|(_, seen)| *seen)
            .map(|(name, _)| name);
        let taken = world.tally.taken.iter().copied();
        for name in seen.chain(taken) {
            *reached.lock().unwrap().entry(name).or_default() += 1;
        }
        operations.lock().unwrap().extend(&world.tally.operations);
        Ok(())
    });
    if let Err(wrong) = ran {
        panic!("{wrong}");
    }
    // A world in which nothing much happens would keep any promise.
    let (reached, operations) = (reached.into_inner().unwrap(), operations.into_inner().unwrap());
    println!("of {cases} worlds: {reached:#?}");
    if cases < 500 {
        return;
    }
    let names = happened(&World::new(one(), vec![BTreeSet::new(); acts::PEOPLE]));
    let names = names
        .into_iter()
        .map(|(name, _)| name)
        .chain(COMMANDS.iter().copied());
    let rare = |name: &&str| reached.get(name).is_none_or(|count| count * 500 <= cases);
    let rare: Vec<_> = names.filter(rare).collect();
    assert!(rare.is_empty(), "hardly ever, or never: {rare:?}");
    // Webhooks and browsers have no command of the domain.
    let asked = table::TABLE
        .iter()
        .filter(|rule| rule.sort == Sort::Command && rule.scope != Scope::Open);
    let never: Vec<_> = asked
        .map(|rule| rule.operation)
        .filter(|name| !operations.contains(name))
        .collect();
    assert!(never.is_empty(), "commands that no world knows: {never:?}");
}

/// Reading and writing all of it takes longer than living through it: fewer worlds are enough.
#[test]
fn events_and_snapshots_bring_back_the_same_world() {
    let worlds = (choices(), people(), acts());
    let ran = TestRunner::new(config(300)).run(&worlds, |(chosen, people, acts)| {
        let mut world = World::new(chosen, people);
        acts.into_iter().for_each(|act| world.act(act));
        world.check_replay();
        Ok(())
    });
    if let Err(wrong) = ran {
        panic!("{wrong}");
    }
}

fn one() -> opstella_domain::EnvironmentSet {
    vec![Environment::Dev].try_into().unwrap()
}
