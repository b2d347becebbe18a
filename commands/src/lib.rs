//! What happens when a command arrives: authorise, load, decide, append.
//!
//! [`Commands`] has one method a command. Each takes a [`CommandContext`] (who, why, under which idempotency key) and
//! parsed values, loads the aggregates concerned, lets the domain decide, and appends what follows in one unit, over
//! several streams where that belongs together: a service is requested in the same unit that plans its run. A
//! conflict with a concurrent append is decided anew a few times; so is a refusal, once, on what the table says, as other
//! processes append too. The answer, [`Accepted`], carries the position that
//! a reader may wait for.

mod accepted;
mod access;
mod anew;
mod catalog;
mod concerns;
mod context;
mod error;
pub mod gate;
mod members;
mod policies;
mod promotions;
mod releases;
mod reports;
mod runs;
mod services;
mod subscriptions;
mod targets;
mod unit;

pub use accepted::Accepted;
pub use access::{
    Authenticated, Authoriser, CreateProjects, DenialLog, DenialWriter, Denied, Look, RoleAuthoriser,
    address_block,
};
pub use catalog::{ConnectTool, CreateProject, RegisterTemplate};
pub use concerns::{Concern, concern_of};
pub use context::{CommandContext, IdempotencyKey};
pub use error::CommandError;
pub use members::MemberRole;
pub use promotions::{Checked, PromoteRelease, PromotionRef, RollBack, Seen};
pub use releases::{AddEvidence, GrantWaiver, RegisterRelease};
pub use reports::Report;
pub use services::{AddComponent, AddEnvironment, ComponentRequest, CreateService};
pub use unit::{CommandOptions, Commands};
