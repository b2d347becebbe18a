//! What happens to a run, at random.

use std::collections::BTreeMap;

use opstella_domain::plan::{PlannedStep, StepId};
use opstella_domain::resource::Provenance;
use opstella_domain::run::FailureClass;
use proptest::prelude::*;

use crate::support::{id, step};

/// How a try ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Success,
    Failure(FailureClass),
}

/// What happens next in the world around a run.
#[derive(Debug, Clone, Copy)]
pub enum Act {
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

pub fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        10 => Just(End::Success),
        3 => Just(End::Failure(FailureClass::Transient)),
        1 => Just(End::Failure(FailureClass::Permanent)),
        1 => Just(End::Failure(FailureClass::Unauthorised)),
    ]
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
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
pub fn worlds() -> impl Strategy<Value = (Vec<PlannedStep>, BTreeMap<StepId, Provenance>)> {
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
