//! What we read of a token.

use std::sync::Arc;

use opstella_domain::Subject;
use opstella_domain::access::Grants;
use opstella_journal::Actor;
use serde::Deserialize;
use serde_json::Value;

use super::{Caller, Refused};

const MOST_ROLES: usize = 100;
/// What Keycloak puts before the client's id in the name of its service account.
const SERVICE_ACCOUNT: &str = "service-account-";

/// The claims that we use.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    sub: String,
    exp: u64,
    /// Keycloak says what a token is for: `Bearer`, `ID`, `Logout`.
    typ: Option<Value>,
    /// Only logout tokens have it.
    events: Option<Value>,
    preferred_username: Option<String>,
    sid: Option<String>,
    azp: Option<String>,
    client_id: Option<String>,
    /// As older Keycloaks call it.
    #[serde(rename = "clientId")]
    older_client_id: Option<String>,
    #[serde(default)]
    realm_access: RealmAccess,
    /// Other issuers put other things there.
    #[serde(default)]
    groups: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RealmAccess {
    #[serde(default)]
    roles: Vec<String>,
}

impl Claims {
    /// Who calls.
    pub fn caller(self) -> Result<Caller, Refused> {
        // Where our client's id is the audience too, ID and logout tokens look much alike.
        let other = self.typ.as_ref().and_then(Value::as_str);
        if self.events.is_some() || matches!(other, Some("ID" | "Logout" | "Refresh" | "Offline")) {
            return Err(Refused::Kind);
        }
        let grants = self.grants();
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
        let actor = Actor {
            subject: subject.into(),
            name: self.preferred_username.map(clean),
            roles: grants.texts().into_iter().take(MOST_ROLES).collect(),
            client: self.azp.or(self.client_id).or(self.older_client_id).map(clean),
            address: None,
        };
        Ok(Caller {
            actor,
            grants: Arc::new(grants),
            expires_at: self.exp,
            session: None,
            provider_session: self.sid,
        })
    }

    fn grants(&self) -> Grants {
        let roles = self.realm_access.roles.iter().map(String::as_str);
        let groups = self.groups.as_array().into_iter().flatten();
        Grants::of_token(roles, groups.filter_map(Value::as_str), self.is_machine())
    }

    /// Whether a client asked for itself (client credentials), without a person. A mapper says `client_id`, which may be
    /// left out: the name of the account and `azp` are there all the same.
    fn is_machine(&self) -> bool {
        let client = self.client_id.as_ref().or(self.older_client_id.as_ref());
        let name = self.preferred_username.as_deref().unwrap_or_default();
        let account = name.strip_prefix(SERVICE_ACCOUNT);
        let is_account =
            |client: &String| account.is_some_and(|account| account.eq_ignore_ascii_case(client));
        client.is_some_and(|client| self.sub == *client)
            || client.or(self.azp.as_ref()).is_some_and(is_account)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use opstella_domain::access::{Role, Roles};
    use serde_json::json;

    use super::*;

    fn roles(more: Value) -> Roles {
        let mut claims = json!({"sub": "x", "exp": 1, "groups": ["project:payments:ci"]});
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let caller = claims.caller().unwrap();
        caller.grants.in_project(&"payments".parse().unwrap())
    }

    #[test]
    fn machines_are_told_from_people() {
        let (ci, person) = (Roles::of(&[Role::Ci]), Roles::of(&[Role::Person]));
        let account = |name: &str| json!({"client_id": "Build", "preferred_username": name});
        assert_eq!(roles(account("service-account-build")), ci);
        assert_eq!(
            roles(json!({"clientId": "b", "preferred_username": "service-account-b"})),
            ci
        );
        assert_eq!(roles(json!({"client_id": "x"})), ci);
        // RFC 9068 wants `client_id` in people's tokens, too.
        assert_eq!(roles(account("alice")), person);
        assert_eq!(roles(account("service-account-other")), person);
        // Without the mapper, and with one that names another.
        assert_eq!(
            roles(json!({"azp": "B", "preferred_username": "service-account-b"})),
            ci
        );
        assert_eq!(
            roles(json!({"azp": "b", "client_id": "y", "preferred_username": "service-account-b"})),
            person
        );
    }

    #[test]
    fn groups_that_are_no_texts_are_passed_over() {
        for groups in [
            json!(null),
            json!("project:payments:owner"),
            json!([1, {}]),
            json!({}),
        ] {
            assert_eq!(roles(json!({"groups": groups})), Roles::of(&[Role::Person]));
        }
        let mixed = json!([1, "project:payments:owner"]);
        assert!(roles(json!({"groups": mixed})).has(Role::Owner));
    }
}
