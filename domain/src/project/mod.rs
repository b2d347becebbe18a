//! Projects: a team's space, and who is in it.

mod aggregate;
mod command;
mod event;

pub use aggregate::{MOST_MEMBERS, Project};
pub use command::ProjectCommand;
pub use event::ProjectEvent;
