//! What a step left in a tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Tool;

/// A thing in a tool that belongs to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExternalResource {
    /// Where it is.
    pub tool: Tool,
    /// What it is, in the tool's words: `namespace`.
    pub kind: String,
    /// Its name or id there.
    pub name: String,
    /// Where people look at it, if the tool has a page for it.
    pub url: Option<String>,
}

/// How a resource came to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// This run made it: unwinding deletes it.
    Created,
    /// It was ours before this run: unwinding leaves it.
    Existing,
    /// It was somebody else's and was adopted, as the command asked: unwinding leaves it.
    Adopted,
}

/// What a successful step reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepOutcome {
    /// What is there now.
    pub resource: ExternalResource,
    /// How it came to be ours.
    pub provenance: Provenance,
}
