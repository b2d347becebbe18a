//! The people of the demo, each with a client of their own.

use super::ground::Ground;
use super::{Client, DemoError};

/// Who does what in the demo; the sandbox's Keycloak knows them.
pub struct People {
    /// CI's machine identity: registers releases and evidence.
    pub ci: Client,
    /// A developer: asks for promotions.
    pub grace: Client,
    /// A tester.
    pub bob: Client,
    /// Security.
    pub carol: Client,
    /// An approver.
    pub dave: Client,
    /// The platform's admin.
    pub root: Client,
}

impl People {
    /// Signs everybody in.
    pub fn sign_in(ground: &Ground) -> Result<Self, DemoError> {
        let person = |name: &str| Client::new(ground.url(), ground.token_of(name)?);
        Ok(Self {
            ci: Client::new(ground.url(), ground.machine_token()?)?,
            grace: person("grace")?,
            bob: person("bob")?,
            carol: person("carol")?,
            dave: person("dave")?,
            root: person("root")?,
        })
    }
}
