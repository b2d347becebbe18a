//! Who may do what.
//!
//! [`Role`]s come from the token ([`Grants`]) and from the members of a project. [`table`] says which operation takes which
//! role; nothing else does. [`log`] is what an auditor sees of it: who signed in, and who was refused.

pub mod grants;
pub mod log;
pub mod role;
pub mod table;

pub use grants::Grants;
pub use role::{ProjectRole, Role, Roles};
pub use table::{Rule, Scope, Sort};
