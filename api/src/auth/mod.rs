//! Who calls, and what they may: JWTs of the configured issuer, then the table of permissions.

mod caller;
mod claims;
mod discovery;
mod guard;
mod keys;
mod permit;
mod refused;
mod sightings;
mod verifier;

pub use caller::{Caller, SessionId};
pub use guard::{authenticate, by_token};
pub use keys::KeyStatus;
pub use refused::Refused;
pub use sightings::Sightings;
pub use verifier::Verifier;
