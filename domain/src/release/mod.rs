//! Releases: what CI built, and may be promoted.

mod aggregate;
mod digest;
mod key;
mod version;
mod waiver;

pub use aggregate::{Release, ReleaseCommand, ReleaseEvent, ReleaseImage};
pub use digest::{Commit, Digest};
pub use key::ReleaseKey;
pub use version::ReleaseVersion;
pub use waiver::{LONGEST_WAIVER_DAYS, Waiver, WaiverId};
