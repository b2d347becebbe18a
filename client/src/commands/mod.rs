//! The commands, one a file.

pub(crate) mod approvals;
pub(crate) mod completions;
pub(crate) mod decide;
pub(crate) mod evidence;
mod follow;
mod gates;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod matrix;
mod outcome;
mod path;
pub(crate) mod policies;
pub(crate) mod projects;
pub(crate) mod promote;
pub(crate) mod promotions;
pub(crate) mod releases;
pub(crate) mod rollback;
pub(crate) mod runs;
pub(crate) mod services;
pub(crate) mod waivers;
