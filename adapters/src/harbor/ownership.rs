//! Whose a thing in Harbor is.

use opstella_domain::operation::Owner;
use opstella_domain::resource::Provenance;
use opstella_domain::{InstallationId, RunId};

use crate::mark::Mark;
use crate::{Removal, StepContext};

/// Whose it is, seen by a run of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// A run of the service made it.
    Ours(RunId),
    /// It was there and was adopted; by which run, if it is known.
    Adopted { by: Option<RunId> },
    /// Somebody else's; of which other installation of Opstella, if its mark says so.
    Foreign(Option<InstallationId>),
}

impl Ownership {
    /// By the mark in a text.
    pub(super) fn of(text: &str, context: &StepContext) -> Self {
        match Mark::find(text) {
            Some(mark) if mark.is_of_service(&context.owner) => {
                let by = mark.adopted_by;
                mark.run.map_or(Self::Adopted { by }, Self::Ours)
            }
            mark => Self::Foreign(mark.and_then(|mark| mark.of_another(&context.owner))),
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
            Self::Adopted { by } if by == Some(context.owner.run) => Provenance::Adopted,
            Self::Ours(_) | Self::Adopted { .. } => Provenance::Existing,
            Self::Foreign(_) => Provenance::Adopted,
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
    let line = Mark::service(owner).adopted().line();
    let theirs = Mark::without(text);
    if theirs.is_empty() {
        line
    } else {
        format!("{theirs}\n{line}")
    }
}

/// A text of something adopted, without the mark that the removal takes off; none if there is nothing to take off.
pub(super) fn given_back(text: &str, context: &StepContext) -> Option<String> {
    let mark = Mark::find(text).filter(|mark| mark.is_of_service(&context.owner))?;
    mark.comes_off(context).then(|| Mark::without(text))
}
