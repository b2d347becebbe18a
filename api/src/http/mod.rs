//! What every request goes through, and what handlers take from one.

pub mod body;
pub mod client_address;
pub mod command;
pub(crate) mod current;
mod distinct;
pub mod etag;
pub mod fallback;
pub mod form;
pub mod no_body;
pub mod observe;
pub mod page;
pub mod params;
pub mod rate;
pub mod raw_body;
pub mod report_body;
pub mod report_places;
pub mod visible;

/// Where the API begins.
pub const BASE: &str = "/api/v1";
