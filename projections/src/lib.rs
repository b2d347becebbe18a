//! Read models: what queries are answered from, made from the journal's events and from nothing else.
//!
//! - A [`Projection`] is a function from a batch of events to SQL ([`models`] has ours: catalog, runs, resources,
//!   releases, promotions, delivery, subscriptions, audit). Its tables live in a schema per build; views in the schemas `read` and
//!   `dashboard` show the live build.
//! - [`Projections::run`] keeps them up to date: a batch is applied in one transaction with its checkpoint.
//! - [`Projections::rebuild`] fills a new build beside the live one and swaps the views in one transaction.
//! - [`Projections::wait_for`] is read-your-writes; [`Projections::replay_as_of`] is the past.
//! - [`Queries`] are the typed questions; the API returns their answers as they are.
//!
//! Start with `projection.rs`, then `runner.rs`. `docs/adding-a-projection.md` shows how to add one.

mod apply;
mod checkpoint;
mod decode;
mod error;
mod generation;
mod identifier;
pub mod models;
mod options;
mod poison;
mod progress;
mod projection;
mod projections;
pub mod queries;
mod rebuild;
mod replay;
mod runner;
mod session;
mod status;
mod views;

pub use error::{ApplyError, ProjectionError, QueryError};
pub use options::ProjectionOptions;
pub use projection::{DashboardView, Projection};
pub use projections::Projections;
pub use queries::Queries;
pub use rebuild::{RebuildProgress, RebuildReport};
pub use replay::ReplayedModel;
pub use status::{ProjectionState, ProjectionStatus, RebuildStatus};
