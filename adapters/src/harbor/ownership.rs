//! Whose a thing in Harbor is.

use opstella_domain::RunId;
use opstella_domain::operation::Owner;
use opstella_domain::resource::Provenance;

use crate::mark::Mark;
use crate::{Removal, StepContext};

/// Whose it is, seen by a run of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// A run of the service made it.
    Ours(RunId),
    /// It was there and was adopted.
    Adopted,
    /// Somebody else's.
    Foreign,
}

impl Ownership {
    /// By the mark in a text.
    pub(super) fn of(text: &str, context: &StepContext) -> Self {
        match Mark::find(text) {
            Some(mark) if mark.is_of_service(&context.owner.service) => {
                mark.run.map_or(Self::Adopted, Self::Ours)
            }
            _ => Self::Foreign,
        }
    }

    /// Whether this removal may take it.
    pub(super) fn allows(self, context: &StepContext) -> bool {
        matches!(self, Self::Ours(run) if goes(run, context))
    }

    /// What it is to the context's run; somebody else's is adopted.
    pub(super) fn provenance(self, context: &StepContext) -> Provenance {
        match self {
            Self::Ours(run) if run == context.owner.run => Provenance::Created,
            Self::Adopted if !context.adopt => Provenance::Existing,
            Self::Ours(_) => Provenance::Existing,
            Self::Adopted | Self::Foreign => Provenance::Adopted,
        }
    }
}

/// Whether a removal takes what this run made.
pub(super) fn goes(run: RunId, context: &StepContext) -> bool {
    match context.removal {
        Removal::ThisRun => run == context.owner.run,
        Removal::Service => true,
    }
}

/// A text with the mark of an adopted thing: it names no run, so that no removal deletes it. What was in the text
/// stays, unless that was a mark.
pub(super) fn adopted(text: &str, owner: &Owner) -> String {
    let mark = Mark {
        run: None,
        ..Mark::service(owner)
    };
    let line = format!("{} (adopted)", mark.line());
    if text.is_empty() || Mark::find(text).is_some() {
        line
    } else {
        format!("{text}\n{line}")
    }
}
