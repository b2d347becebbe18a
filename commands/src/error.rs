//! Why a command was not carried out.

use opstella_domain::access::Roles;
use opstella_domain::plan::PlanError;
use opstella_domain::{DomainError, InvalidValue};
use opstella_journal::JournalError;
use thiserror::Error;

/// Why a command was not carried out. Nothing was stored, unless the journal's error says otherwise.
#[derive(Debug, Clone, Error)]
pub enum CommandError {
    /// The domain refused it.
    #[error(transparent)]
    Domain(Box<DomainError>),
    /// The request needs something that is not there; the field that names it is given.
    #[error("{field}: {cause}")]
    Reference {
        /// JSON path of the field.
        field: String,
        /// What is missing.
        cause: Box<DomainError>,
    },
    /// No plan could be made.
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// A value does not parse.
    #[error("{field}: {cause}")]
    Value {
        /// JSON path of the field, or the header that it came with.
        field: &'static str,
        /// The rule that it breaks.
        cause: InvalidValue,
    },
    /// `If-Match` names another version.
    #[error("{id} is at version {actual}, not {expected}: read it again and decide again")]
    VersionMismatch {
        /// The aggregate.
        id: String,
        /// What the client expected.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// The actor has none of the roles that the operation takes.
    #[error("{operation} takes one of the roles {roles}; ask an owner of the project or a platform admin")]
    Forbidden {
        /// Which operation.
        operation: &'static str,
        /// Which roles.
        roles: Roles,
    },
    /// The idempotency key was kept with an answer that this version cannot read.
    #[error("the answer kept under this idempotency key cannot be read: use a new key")]
    UnreadableAnswer,
    /// The journal could not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<DomainError> for CommandError {
    fn from(error: DomainError) -> Self {
        Self::Domain(Box::new(error))
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}
