//! What a refused command is answered.

use opstella_commands::CommandError;
use opstella_domain::DomainError;
use opstella_domain::plan::PlanError;
use opstella_journal::JournalError;

use super::{Problem, ProblemKind, internal, links};

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Domain(error) => (*error).into(),
            CommandError::Reference { field, cause } => Self::invalid_field(&field, cause.to_string(), None),
            CommandError::Plan(error) => (*error).into(),
            CommandError::Value { field, cause } => {
                Self::invalid_field(field, cause.rule, Some(cause.value.into()))
            }
            error @ CommandError::VersionMismatch { actual, .. } => {
                Self::new(ProblemKind::VersionMismatch, error.to_string())
                    .hint("read it again, decide again, and send its new ETag as If-Match")
                    .header("ETag", format!("\"{actual}\""))
            }
            error @ CommandError::Forbidden { .. } => Self::new(ProblemKind::Forbidden, error.to_string()),
            error @ CommandError::UnreadableAnswer => {
                Self::new(ProblemKind::IdempotencyKeyReused, error.to_string())
            }
            CommandError::Journal(error) => error.into(),
        }
    }
}

impl From<DomainError> for Problem {
    fn from(error: DomainError) -> Self {
        let text = error.to_string();
        match error {
            DomainError::AlreadyExists { kind, id } => {
                let mut problem = Self::new(ProblemKind::NameTaken, text)
                    .hint("choose another name, or use what is there: `existing` links to it");
                problem.existing = links::of(kind, &id);
                if let Some(link) = problem.existing.clone() {
                    problem = problem.header("Link", format!("<{link}>; rel=\"related\""));
                }
                problem
            }
            DomainError::NotFound { .. } => Self::new(ProblemKind::NotFound, text),
            DomainError::WrongState { state, accepts, .. } => {
                let mut problem = Self::new(ProblemKind::WrongState, text);
                problem.state = Some(state);
                problem.accepts = Some(accepts.into_iter().map(str::to_owned).collect());
                problem
            }
            DomainError::Invalid { field, rule } => Self::invalid_field(&field, rule, None),
            DomainError::StaleAttempt { .. } => Self::new(ProblemKind::Conflict, text),
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let text = error.to_string();
        match error {
            PlanError::NotConnected { tool, connection } => {
                let path = format!("{}/tools/{tool}/{connection}", crate::http::BASE);
                Self::new(ProblemKind::ToolNotConnected, text).hint(format!("connect it with PUT {path}"))
            }
            PlanError::Size(_) => Self::invalid_field("components", text, None),
            // Names of steps are made of names that were accepted.
            PlanError::Name(_)
            | PlanError::Duplicate(_)
            | PlanError::Missing { .. }
            | PlanError::Cycle(_) => internal(text),
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        match error {
            JournalError::Conflict { .. } => {
                Self::new(ProblemKind::Conflict, text).hint("send the request again in a moment")
            }
            JournalError::IdempotencyMismatch { .. } => Self::new(ProblemKind::IdempotencyKeyReused, text)
                .hint("use a new Idempotency-Key for a new request"),
            JournalError::TooLarge { what, actual, limit } => {
                let rule = format!("{what}: at most {limit}, this makes {actual}");
                Self::new(ProblemKind::TooLarge, text).field("body", rule, None)
            }
            JournalError::OutcomeUnknown => Self::new(ProblemKind::OutcomeUnknown, text)
                .hint("send the same request with the same Idempotency-Key again"),
            JournalError::QueueFull | JournalError::Timeout | JournalError::Closed => {
                Self::new(ProblemKind::Unavailable, text).header("Retry-After", "1")
            }
            error if error.is_transient() => {
                tracing::warn!(%error, "the database is away");
                Self::new(
                    ProblemKind::Unavailable,
                    "the database is away; try again in a moment",
                )
                .header("Retry-After", "2")
            }
            error => internal(error),
        }
    }
}
