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
    /// Only ID tokens have these two: digests of what was given with them.
    at_hash: Option<Value>,
    c_hash: Option<Value>,
    preferred_username: Option<String>,
    sid: Option<String>,
    azp: Option<String>,
    /// When a person signed in: there in the tokens of sessions only.
    auth_time: Option<Value>,
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
        let accompanies = self.at_hash.is_some() || self.c_hash.is_some();
        if self.events.is_some()
            || accompanies
            || matches!(other, Some("ID" | "Logout" | "Refresh" | "Offline"))
        {
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
    /// left out: the name of the account and `azp` are there all the same. The name may be left out, too: then, that
    /// `client_id` stands beside an `azp` of the same, which Keycloak writes for service accounts only. `client_id` alone
    /// says nothing: RFC 9068 wants it in people's tokens as well, and a machine's `sub` to be the client.
    fn is_machine(&self) -> bool {
        let client = self.client_id.as_ref().or(self.older_client_id.as_ref());
        let name = self.preferred_username.as_deref().unwrap_or_default();
        let account = name.strip_prefix(SERVICE_ACCOUNT);
        let is_account =
            |client: &String| account.is_some_and(|account| account.eq_ignore_ascii_case(client));
        let nameless = self.preferred_username.is_none() && self.auth_time.is_none();
        client.is_some_and(|client| self.sub == *client)
            || (nameless && client.is_some() && client == self.azp.as_ref())
            || (nameless && self.older_client_id.is_some())
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
        // The account's name may be left out of the tokens: Keycloak writes `client_id` beside `azp` for machines only.
        assert_eq!(roles(json!({"azp": "b", "client_id": "b"})), ci);
        assert_eq!(roles(json!({"azp": "b", "clientId": "b", "sid": "s"})), ci);
        assert_eq!(roles(json!({"clientId": "b"})), ci);
        // People's tokens without a name: as RFC 9068 has them, as Keycloak does, and with a mapper of our client's id.
        assert_eq!(roles(json!({"client_id": "b"})), person);
        assert_eq!(roles(json!({"azp": "b", "sid": "s", "auth_time": 1})), person);
        assert_eq!(
            roles(json!({"azp": "b", "client_id": "b", "auth_time": 1})),
            person
        );
        assert_eq!(
            roles(json!({"azp": "b", "client_id": "b", "preferred_username": "alice"})),
            person
        );
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
    fn what_accompanies_an_access_token_is_none() {
        for claim in ["at_hash", "c_hash"] {
            let claims = json!({"sub": "x", "exp": 1, claim: "LDktKdoQak3Pk0cnXxCltA"});
            let claims: Claims = serde_json::from_value(claims).unwrap();
            assert_eq!(claims.caller().unwrap_err(), Refused::Kind, "{claim}");
        }
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
