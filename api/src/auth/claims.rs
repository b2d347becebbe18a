//! What we read of a token.

use opstella_domain::Subject;
use opstella_journal::Actor;
use serde::Deserialize;

use super::Refused;

const MOST_ROLES: usize = 100;

/// The claims that we use.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    sub: String,
    exp: u64,
    preferred_username: Option<String>,
    azp: Option<String>,
    client_id: Option<String>,
    #[serde(default)]
    realm_access: RealmAccess,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RealmAccess {
    #[serde(default)]
    roles: Vec<String>,
}

impl Claims {
    /// The actor that events will name, and when the token ends.
    pub fn actor(self) -> Result<(Actor, u64), Refused> {
        let subject = Subject::try_from(self.sub).map_err(|_| Refused::Claims)?;
        // A token cannot pass for a part of Opstella, or for somebody at the command line.
        if subject.as_str().starts_with("system:") || subject.as_str().starts_with("cli:") {
            return Err(Refused::Claims);
        }
        let clean = |text: String| {
            text.chars()
                .filter(|c| !c.is_control())
                .take(255)
                .collect::<String>()
        };
        let roles = self.realm_access.roles.into_iter();
        let actor = Actor {
            subject: subject.into(),
            name: self.preferred_username.map(clean),
            // Roles are kept joined by commas.
            roles: roles
                .filter(|role| !role.contains(',') && role.len() <= 255)
                .map(clean)
                .take(MOST_ROLES)
                .collect(),
            client: self.azp.or(self.client_id).map(clean),
            address: None,
        };
        Ok((actor, self.exp))
    }
}
