//! Releases: what CI built, and may be promoted.

mod aggregate;
mod command;
mod digest;
mod event;
mod key;
mod version;
mod waiver;

pub use aggregate::Release;
pub use command::ReleaseCommand;
pub use digest::{Commit, Digest};
pub use event::{ReleaseEvent, ReleaseImage};
pub use key::ReleaseKey;
pub use version::ReleaseVersion;
pub use waiver::{LONGEST_WAIVER_DAYS, Waiver, WaiverId};
