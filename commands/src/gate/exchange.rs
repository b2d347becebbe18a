//! What the child is asked on its standard input, and what it answers on its standard output: JSON.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Largest question, in bytes: a module, and a release's evidence.
pub(super) const LARGEST_QUESTION: usize = 8 << 20;
/// Largest answer, in bytes.
pub(super) const LARGEST_ANSWER: usize = 64 << 10;
/// What the line with the answer begins with: whatever else the child may print is not it.
pub(super) const MARK: &str = "opstella-gate:";

/// Reasons that are kept.
pub(super) const MOST_REASONS: usize = 10;
/// Characters of a reason that are kept.
pub(super) const LONGEST_REASON: usize = 200;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    /// The module.
    pub rego: String,
    /// The input; none: only whether the module compiles is asked.
    pub input: Option<Box<RawValue>>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The module compiles; nothing else was asked.
    Compiles,
    /// `deny` is empty.
    Passed,
    /// It is not.
    Denied {
        /// The first reasons.
        reasons: Vec<String>,
        /// How many there are beyond them.
        more: usize,
    },
    /// The module does not compile.
    DoesNotCompile {
        /// Where.
        line: Option<u32>,
        /// Why.
        message: String,
    },
    /// `deny` has no value.
    Undefined,
    /// `deny` is no set of texts.
    WrongType {
        /// What it is.
        found: String,
    },
    /// It took longer than it may.
    OutOfTime,
    /// It needed more memory than it may have.
    OutOfMemory,
    /// Something else went wrong.
    Broken {
        /// What.
        message: String,
    },
}

/// The first characters of a text, on one line.
pub(super) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_REASON {
        return line;
    }
    let mut cut: String = line.chars().take(LONGEST_REASON - 1).collect();
    cut.push('…');
    cut
}
