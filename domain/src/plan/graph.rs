//! The graph of a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::operation::Operation;
use crate::values::text_value;
use crate::{ConnectionName, InvalidValue, Tool};

/// Most steps of a plan.
pub const MAX_STEPS: usize = 2000;

/// The name of a step within its plan: `gitlab.project/api`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct StepId(String);

impl StepId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StepId {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-./_".contains(&b);
        if value.is_empty() || value.len() > 120 || !value.bytes().all(fits) {
            return Err(InvalidValue::new(
                "step id",
                value,
                "1 to 120 of a-z, 0-9, `-`, `_`, `.`, `/`",
            ));
        }
        Ok(Self(value.to_owned()))
    }
}

text_value!(StepId);

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    /// Its name.
    pub id: StepId,
    /// Which connection of the tool carries it out.
    pub connection: ConnectionName,
    /// What it does.
    pub operation: Operation,
    /// Which steps must have succeeded before.
    pub depends_on: Vec<StepId>,
}

impl PlannedStep {
    /// Which tool carries it out.
    pub fn tool(&self) -> Tool {
        self.operation.tool()
    }
}

/// Why steps do not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// No step, or too many.
    #[error("a plan has 1 to {MAX_STEPS} steps, this one has {0}; split the request")]
    Size(usize),
    /// Two steps of one name.
    #[error("step `{0}` is there twice")]
    Duplicate(StepId),
    /// A dependency that is not there.
    #[error("step `{step}` depends on `{missing}`, which is not in the plan")]
    Missing {
        /// The step.
        step: StepId,
        /// What it names.
        missing: StepId,
    },
    /// Steps that wait for each other.
    #[error("steps wait for each other: {}", .0.iter().map(StepId::as_str).collect::<Vec<_>>().join(", "))]
    Cycle(Vec<StepId>),
    /// A step's name does not fit.
    #[error(transparent)]
    Name(#[from] InvalidValue),
    /// A tool is needed and not connected.
    #[error("{tool} is not connected; connect it with PUT /api/v1/tools/{tool}/{connection}")]
    NotConnected {
        /// The tool.
        tool: Tool,
        /// The connection that is looked for.
        connection: ConnectionName,
    },
}

/// Steps in an order in which each comes after all that it depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Plan {
    steps: Vec<PlannedStep>,
}

impl Plan {
    /// Checks the graph and orders it.
    ///
    /// # Errors
    /// [`PlanError`] where the steps are none or too many, names repeat, or dependencies are missing or circular.
    pub fn new(steps: Vec<PlannedStep>) -> Result<Self, PlanError> {
        if steps.is_empty() || steps.len() > MAX_STEPS {
            return Err(PlanError::Size(steps.len()));
        }
        let mut names = BTreeSet::new();
        for step in &steps {
            if !names.insert(step.id.clone()) {
                return Err(PlanError::Duplicate(step.id.clone()));
            }
        }
        for step in &steps {
            if let Some(missing) = step.depends_on.iter().find(|d| !names.contains(d)) {
                return Err(PlanError::Missing {
                    step: step.id.clone(),
                    missing: missing.clone(),
                });
            }
        }
        order(steps).map(|steps| Self { steps })
    }

    /// The steps, each after all that it depends on.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.steps
    }

    /// The same steps with every dependency turned round: the plan of a removal.
    ///
    /// # Errors
    /// None in practice: a reversed DAG is a DAG.
    pub fn reversed(self) -> Result<Self, PlanError> {
        let mut dependents: BTreeMap<StepId, Vec<StepId>> = BTreeMap::new();
        for step in &self.steps {
            for dependency in &step.depends_on {
                dependents
                    .entry(dependency.clone())
                    .or_default()
                    .push(step.id.clone());
            }
        }
        let turn = |mut step: PlannedStep| {
            step.depends_on = dependents.remove(&step.id).unwrap_or_default();
            step
        };
        Self::new(self.steps.into_iter().map(turn).collect())
    }

    /// The longest chain by the given duration of each step, in the unit that it returns: no run of the plan can be
    /// shorter.
    pub fn critical_path(&self, duration: impl Fn(&PlannedStep) -> u64) -> u64 {
        let mut ends: BTreeMap<&StepId, u64> = BTreeMap::new();
        for step in &self.steps {
            let start = step
                .depends_on
                .iter()
                .filter_map(|d| ends.get(d))
                .max()
                .copied()
                .unwrap_or(0);
            ends.insert(&step.id, start + duration(step));
        }
        ends.values().max().copied().unwrap_or(0)
    }
}

/// The steps that are on a circle, or between two: without those that merely wait for one.
fn circle(mut blocked: Vec<PlannedStep>) -> Vec<StepId> {
    loop {
        let awaited: BTreeSet<_> = blocked.iter().flat_map(|s| s.depends_on.clone()).collect();
        let before = blocked.len();
        blocked.retain(|s| awaited.contains(&s.id));
        if blocked.len() == before {
            return blocked.into_iter().map(|s| s.id).collect();
        }
    }
}

/// Kahn's algorithm; among steps that are free at once, the given order stays.
fn order(steps: Vec<PlannedStep>) -> Result<Vec<PlannedStep>, PlanError> {
    let mut waiting = steps;
    let mut done: BTreeSet<StepId> = BTreeSet::new();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let (free, blocked): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|step| step.depends_on.iter().all(|d| done.contains(d)));
        if free.is_empty() {
            return Err(PlanError::Cycle(circle(blocked)));
        }
        done.extend(free.iter().map(|s| s.id.clone()));
        ordered.extend(free);
        waiting = blocked;
    }
    Ok(ordered)
}
