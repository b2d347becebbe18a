//! Random commands by random people, with engine and promoter running, while tools refuse their credentials now and then:
//! whatever happens, at rest the tools run what the read model says, one promotion at a time deploys into an environment,
//! none is skipped, nobody approves what they asked for, nothing goes into a freeze that two people did not break, and
//! nothing comes to production without the approvals that it takes.

mod acts;
mod people;
mod promotions;
mod records;
mod rest;
mod setup;

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::access::{Scope, Sort, table};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::json;

use crate::support::delivery::Delivery;

use acts::ACTS;

const ENVIRONMENTS: [&str; 4] = ["DEV", "SIT", "UAT", "PRD"];
/// One that is added on the way.
const LATER: &str = "PRE";
/// All that there may be, in the order of promotion.
const ORDER: [&str; 5] = ["DEV", "SIT", "UAT", "PRE", "PRD"];
const VERSIONS: [&str; 4] = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
/// Who has to approve what comes to production, whatever its other rules become.
const PRODUCTION: [&str; 3] = ["approver", "owner", "security"];
/// Sequences of commands, each of this many, with a rest after it.
const CASES: usize = 6;
const COMMANDS: usize = 40;

struct Random<'a> {
    delivery: &'a Delivery,
    dice: StdRng,
    registered: usize,
    /// How often each act was taken.
    taken: BTreeMap<&'static str, usize>,
    /// How often an operator left behind what a run had made.
    given_up: usize,
}

async fn story(seed: u64) -> usize {
    eprintln!("seed {seed}");
    let delivery = Delivery::start(&ENVIRONMENTS).await;
    let two = json!({
        "soak_minutes": 0, "change_reference": false, "dynamic_scan": null,
        "approvals": [{"roles": PRODUCTION, "people": 2}],
    });
    delivery.set_rules("PRD", two).await;
    let light = json!({"dynamic_scan": null, "approvals": []});
    delivery.set_rules(LATER, light).await;
    let mut random = Random {
        delivery: &delivery,
        dice: StdRng::seed_from_u64(seed),
        registered: 0,
        taken: BTreeMap::new(),
        given_up: 0,
    };
    // Each once, so that none is forgotten; then as they come.
    let mut first: Vec<&'static str> = ACTS.iter().map(|(name, _)| *name).collect();
    first.shuffle(&mut random.dice);
    for case in 0..CASES {
        for _ in 0..COMMANDS {
            let next = if case < 2 { first.pop() } else { None };
            random.act(next).await;
        }
        random.rest().await;
        random.check().await;
    }
    let (taken, given_up) = (random.taken.clone(), random.given_up);
    drop(random);
    let never: Vec<_> = ACTS
        .iter()
        .filter(|(name, _)| !taken.contains_key(name))
        .collect();
    assert!(never.is_empty(), "{never:?}");
    // Or nothing was tried.
    let page = delivery.get("root", "/promotions?limit=200").await.expect(200);
    let beyond = |p: &&serde_json::Value| p["environment"] != "DEV" && p["state"] == "completed";
    let completed = page.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(beyond)
        .count();
    eprintln!("{completed} promotions beyond DEV completed; {given_up} times something was left behind");
    delivery.stop().await;
    completed
}

#[test]
fn every_command_is_among_the_acts() {
    let acts: BTreeSet<&str> = ACTS.iter().map(|(name, _)| *name).collect();
    // Tools sign their webhooks and browsers have cookies: those are no commands of people.
    let commands = table::TABLE
        .iter()
        .filter(|rule| rule.sort == Sort::Command && rule.scope != Scope::Open);
    let forgotten: Vec<_> = commands
        .map(|rule| rule.operation)
        .filter(|name| !acts.contains(name))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_sequences_leave_tools_and_read_model_in_agreement() {
    assert!(story(20_261_125).await > 0, "nothing went beyond DEV");
}

/// More of them, or the one of `STORY_SEED`. In the last one an operator skips the undoing of a commit: what ran before has to
/// come back all the same.
#[tokio::test(flavor = "multi_thread")]
async fn other_sequences_leave_tools_and_read_model_in_agreement() {
    let named = std::env::var("STORY_SEED").ok();
    let seeds = match named.and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![2, 3, 12_951_305_155_827_882_060],
    };
    for seed in seeds {
        story(seed).await;
    }
}
