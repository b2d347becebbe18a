//! Plans, and questions to them.

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::plan::{Plan, PlannedStep, plan_provision};
use opstella_domain::{Environment, EnvironmentSet};

use crate::support::{component, key, targets};

pub fn provision() -> Plan {
    let components = [component("api"), component("web")];
    plan_provision(&key(), &components, &EnvironmentSet::all(), &targets()).unwrap()
}

pub fn kind(step: &PlannedStep) -> String {
    let json = serde_json::to_value(&step.operation).unwrap();
    json["type"].as_str().unwrap().to_owned()
}

/// Everything that a step waits for, directly or not.
pub fn ancestors(plan: &Plan) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in plan.steps() {
        let mut mine = BTreeSet::new();
        for dependency in &step.depends_on {
            mine.insert(dependency.as_str());
            mine.extend(all[dependency.as_str()].iter().copied());
        }
        all.insert(step.id.as_str(), mine);
    }
    all
}

pub fn assert_ordered(plan: &Plan) {
    let mut seen = BTreeSet::new();
    for step in plan.steps() {
        assert!(
            step.depends_on.iter().all(|d| seen.contains(d)),
            "{} comes too early",
            step.id
        );
        assert!(seen.insert(step.id.clone()), "{} is there twice", step.id);
    }
}

pub fn promotion() -> Plan {
    use opstella_domain::plan::{CarriedImage, plan_promote};
    use opstella_domain::release::Digest;
    let carried = |name: &str| CarriedImage {
        component: name.parse().unwrap(),
        digest: Digest::of(name.as_bytes()),
        previous: None,
        was_ill: false,
    };
    let version = "1.4.0".parse().unwrap();
    let images = [carried("api"), carried("web")];
    plan_promote(&key(), Environment::Sit, &version, &images, &targets()).unwrap()
}

pub fn edges(plan: &Plan) -> BTreeSet<(String, String)> {
    let of = |s: &PlannedStep| -> Vec<_> {
        s.depends_on
            .iter()
            .map(|d| (s.id.to_string(), d.to_string()))
            .collect()
    };
    plan.steps().iter().flat_map(of).collect()
}
