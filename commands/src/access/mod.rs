//! Who may do what, for callers: roles of the token and of the project's members together, by the domain's table.

mod authorise;
mod denials;
mod origin;
mod permit;
mod quota;
mod record;
mod signing;

pub use authorise::{Authenticated, Authoriser, CreateProjects, Denied, Look, RoleAuthoriser};
pub use denials::{DenialLog, DenialWriter};
pub use origin::address_block;
