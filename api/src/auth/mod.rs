//! Who calls: JWTs of the configured issuer.

mod caller;
mod claims;
mod discovery;
mod guard;
mod keys;
mod refused;
mod verifier;

pub use caller::Caller;
pub use guard::authenticate;
pub use keys::KeyStatus;
pub use refused::Refused;
pub use verifier::Verifier;
