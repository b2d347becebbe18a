//! Promotions: one release on its way into one environment of a service.
//!
//! ```text
//! requested ──gates open, approvals there──▶ deploying ──verified──▶ completed
//!    │ queued: waits for the one in flight        │ fails after the commit ──▶ rolled back
//!    └─▶ rejected, cancelled                      └ fails before it ─────────▶ failed
//! ```
//!
//! The aggregate is the *environment* of a service: it holds what runs there, its history, the one promotion in
//! flight and those that wait. Gates are looked at outside ([`crate::policy::evaluate`]) and told by
//! [`EnvironmentCommand::Evaluate`]; separation of duty is here.

mod aggregate;
mod answers;
mod command;
mod event;
mod fold;
mod glass;
mod ids;
mod ran;
mod request;
mod state;

pub use aggregate::{MAX_HISTORY, MAX_QUEUE, ServiceEnvironment};
pub use command::{EnvironmentCommand, Members, RunEnd, WhenBusy, promote_to};
pub use event::{EnvironmentEvent, Health, PromotionKind};
pub use ids::{ChangeReference, EnvironmentKey, PromotionId};
pub use ran::Unsettled;
pub use state::{Deployment, Drift, FreezeOverride, Promotion, PromotionState};
