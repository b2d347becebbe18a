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

/// A commit that says in Git what a step is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// Its SHA.
    pub revision: String,
    /// The one that it was made on top of, or that was deployed before it; none where the run did not make it, but found in
    /// Git what it was to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// What a successful step reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepOutcome {
    /// What is there now.
    pub resource: ExternalResource,
    /// How it came to be ours.
    pub provenance: Provenance,
    /// The commit that says so, of a step that says it in Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
}
