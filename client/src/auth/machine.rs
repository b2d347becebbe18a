//! A machine's next token. Issuers give machines no refresh token (RFC 6749, section 4.4.3): it is asked for with the
//! secret anew, which is in the environment only, in no file.

use secrecy::SecretString;

use super::{Client, Login};

/// The secret of `OPSTELLA_CLIENT_ID`, or of the machine that logged in where that is not set.
const SECRET: &str = "OPSTELLA_CLIENT_SECRET";
const ID: &str = "OPSTELLA_CLIENT_ID";

/// The secret of this client, where the environment has it: that of another one is not sent under its name.
pub(crate) fn secret_of(client_id: &str) -> Option<SecretString> {
    // CI sets variables that it has no value for to nothing.
    let variable = |name: &str| std::env::var(name).ok().filter(|text: &String| !text.is_empty());
    if variable(ID).is_some_and(|named| named != client_id) {
        return None;
    }
    variable(SECRET).map(SecretString::from)
}

impl Login {
    /// As which machine the next token is asked for, and with which scopes; none for people, and without the secret.
    pub(super) fn machine(&self) -> Option<(Client, &str)> {
        let scope = self.machine_scope.as_deref()?;
        let client = Client {
            id: self.client_id.clone(),
            secret: Some(secret_of(&self.client_id)?),
        };
        Some((client, scope))
    }

    /// Whether the next token comes without anybody logging in.
    pub fn is_renewable(&self) -> bool {
        self.refresh_token.is_some() || self.machine().is_some()
    }
}
