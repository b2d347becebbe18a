//! Runs: one execution of a saga, as a state machine over its events.
//!
//! ```text
//! running ──all steps done──▶ succeeded
//!    │ step fails for good, or CancelRun          stuck ◀─ compensation keeps failing (or 401 while running)
//!    ▼                                              │ RetryStep, SkipStep, AbandonRun
//! unwinding ──nothing left to undo──▶ failed / cancelled / abandoned
//! ```
//!
//! A step that has started may have had effects: whoever takes over starts it again under the next attempt number,
//! and outcomes of earlier attempts are refused.

mod aggregate;
mod apply;
mod awaited;
mod command;
mod committed;
mod event;
mod status;
mod step;
mod work;

pub use aggregate::{MAX_ATTEMPTS, MAX_COMPENSATION_ATTEMPTS, Run};
pub use command::RunCommand;
pub use event::{FailureClass, RunEvent, UnwindCause};
pub use status::RunStatus;
pub use step::{StepPhase, StepState};
pub use work::Work;
