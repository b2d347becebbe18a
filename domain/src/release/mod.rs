//! Releases: what CI built, and may be promoted.

mod digest;
mod version;

pub use digest::{Commit, Digest};
pub use version::ReleaseVersion;
