//! Who the client is: signing in, keeping the token, renewing it.

mod device;
mod discovery;
mod grant;
mod machine;
mod session;
mod store;
mod tokens;

pub(crate) use device::sign_in as by_device;
pub(crate) use discovery::{Issuer, issuer_of};
pub(crate) use grant::{Client, by_client_credentials, by_password, revoke};
pub(crate) use machine::secret_of;
pub(crate) use session::Session;
pub(crate) use store::{Login, Store};
pub(crate) use tokens::Tokens;
