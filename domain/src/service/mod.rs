//! Services: what a team runs, made of components, in environments.

mod aggregate;
mod command;
mod event;
mod leftovers;
#[cfg(test)]
mod properties;

pub use aggregate::{Change, Lifecycle, Service};
pub use command::ServiceCommand;
pub use event::{ComponentSpec, ServiceEvent};
pub use leftovers::Leftovers;
