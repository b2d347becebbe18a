//! The domain of Opstella: what may happen, and why not.
//!
//! Pure and synchronous: no I/O, no clock, no randomness. Time and ids arrive in the commands. Each aggregate
//! implements [`Decide`]: `decide` turns a command into events or a [`DomainError`], `evolve` folds an event into
//! the state. `cqrs_es::Aggregate` is derived from that. Values are parsed once, at the edge, into types that
//! cannot hold anything invalid ([`names`], [`environment`]). A saga is planned here too ([`plan`]): a plan is a
//! DAG of [`operation::Operation`]s; what a run may do next is a pure function of its events ([`run`]).
//!
//! Start reading at [`service`], then [`plan`], then [`run`].

pub mod access;
pub mod decide;
pub mod environment;
pub mod error;
pub mod evidence;
pub mod ids;
pub mod names;
pub mod naming;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod project;
pub mod promotion;
mod reason;
pub mod release;
pub mod resource;
pub mod run;
pub mod schema;
pub mod service;
pub mod subscription;
pub mod template;
pub mod tool;
pub mod tool_connection;
mod values;

/// Names the code of this crate: it changes with any of its files. A snapshot of a state that other code made is not used.
pub const CODE: &str = env!("OPSTELLA_DOMAIN_CODE");

pub use decide::Decide;
pub use environment::{Environment, EnvironmentSet};
pub use error::{DomainError, InvalidValue};
pub use ids::{InstallationId, RunId, ServiceKey, Subject};
pub use names::{
    ComponentName, ConnectionName, CredentialName, ProjectSlug, ServiceName, SubscriptionName, TemplateName,
};
pub use tool::Tool;
