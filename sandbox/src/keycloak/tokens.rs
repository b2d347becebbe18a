//! Making and checking tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::people::{self, Client, DemoUser};
use super::{Keycloak, keys};
use crate::credentials::KEYCLOAK_CLIENT;

/// How an in-process token is signed: right, or in one of the ways that a checker must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// RS256 with the realm's key.
    Realm,
    /// RS256 with a key that the realm does not list, under the realm's `kid`.
    ForeignKey,
    /// HS256 with the realm's public key as the secret: the algorithm confusion attack.
    Hs256WithPublicKey,
    /// RS384 with the realm's key.
    Rs384,
    /// `alg: none`, with an empty signature.
    Unsigned,
}

impl Keycloak {
    /// A token of the realm with these claims over the usual ones (`iss`, `aud`, `sub`, `exp`, ...); a claim that is
    /// `null` is left out. `issue(json!({"exp": 0}))` has expired, `issue(json!({"aud": "other"}))` is for another.
    pub fn issue(&self, claims: Value) -> String {
        self.issue_signed(claims, Signing::Realm)
    }

    /// A token of a demo user, as the password grant gives it; `None` where there is no such user.
    pub fn issue_for(&self, username: &str) -> Option<String> {
        let user = people::user(username)?;
        Some(self.sign(&self.user_claims(user, KEYCLOAK_CLIENT, "openid"), Signing::Realm))
    }

    /// A token of a client's service account, as the client credentials grant gives it; `None` where there is no such
    /// client, or it has no secret.
    pub fn issue_for_client(&self, id: &str) -> Option<String> {
        let client = self.clients.iter().find(|c| c.id == id && c.secret.is_some())?;
        Some(self.sign(&self.client_claims(client, ""), Signing::Realm))
    }

    /// The `sub` of a demo user's tokens.
    pub fn subject_of(&self, username: &str) -> String {
        people::subject(username)
    }

    /// [`Keycloak::issue`], signed in another way.
    pub fn issue_signed(&self, claims: Value, signing: Signing) -> String {
        let mut all = self.common_claims("tester", KEYCLOAK_CLIENT);
        all.insert("preferred_username".to_owned(), "tester".into());
        if let Value::Object(claims) = claims {
            all.extend(claims);
        }
        all.retain(|_, value| !value.is_null());
        self.sign(&all, signing)
    }

    fn common_claims(&self, name: &str, client_id: &str) -> Map<String, Value> {
        let now = Utc::now().timestamp();
        let lifetime = i64::try_from(self.token_lifetime.as_secs()).unwrap_or(i64::MAX / 2);
        let claims = json!({
            "iss": self.issuer(), "aud": KEYCLOAK_CLIENT, "sub": people::subject(name), "typ": "Bearer",
            "azp": client_id, "iat": now, "exp": now.saturating_add(lifetime), "jti": Uuid::new_v4().to_string(),
            "acr": "1",
        });
        match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        }
    }

    pub(super) fn user_claims(&self, user: &DemoUser, client_id: &str, scope: &str) -> Map<String, Value> {
        let mut claims = self.common_claims(user.username, client_id);
        let (first, last) = user.name;
        let more = json!({
            "realm_access": {"roles": user.roles}, "groups": user.groups, "scope": full_scope(scope),
            "email_verified": true, "name": format!("{first} {last}"), "preferred_username": user.username,
            "given_name": first, "family_name": last, "email": format!("{}@example.com", user.username),
        });
        if let Value::Object(more) = more {
            claims.extend(more);
        }
        claims
    }

    pub(super) fn client_claims(&self, client: &Client, scope: &str) -> Map<String, Value> {
        let username = format!("service-account-{}", client.id);
        let mut claims = self.common_claims(&username, &client.id);
        let more = json!({
            "realm_access": {"roles": client.roles}, "groups": client.groups, "scope": full_scope(scope),
            "email_verified": false, "preferred_username": username, "client_id": client.id,
        });
        if let Value::Object(more) = more {
            claims.extend(more);
        }
        claims
    }

    pub(super) fn sign(&self, claims: &Map<String, Value>, signing: Signing) -> String {
        let realm = keys::realm();
        let kid = self.kid();
        let header = |algorithm| {
            let mut header = Header::new(algorithm);
            header.kid = Some(kid.clone());
            header
        };
        let signed = match signing {
            Signing::Realm => encode(&header(Algorithm::RS256), claims, realm.encoding()),
            Signing::Rs384 => encode(&header(Algorithm::RS384), claims, realm.encoding()),
            Signing::ForeignKey => encode(&header(Algorithm::RS256), claims, keys::foreign().encoding()),
            Signing::Hs256WithPublicKey => {
                let secret = EncodingKey::from_secret(realm.public_key_base64().as_bytes());
                encode(&header(Algorithm::HS256), claims, &secret)
            }
            Signing::Unsigned => {
                let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                let head = json!({"alg": "none", "typ": "JWT", "kid": kid});
                return format!("{}.{}.", part(&head), part(&Value::Object(claims.clone())));
            }
        };
        // Signing JSON with a key of the right family does not fail; an empty token would be refused everywhere.
        signed.unwrap_or_default()
    }

    /// The claims of a token that this realm signed and that has not expired.
    pub(super) fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        self.check(token, true)
    }

    /// The same of a token that may have expired: a hint.
    pub(super) fn verify_expired(&self, token: &str) -> Option<Map<String, Value>> {
        self.check(token, false)
    }

    fn check(&self, token: &str, expiry: bool) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = expiry;
        validation.leeway = 0;
        validation.validate_aud = false;
        validation.set_issuer(&[self.issuer()]);
        decode::<Map<String, Value>>(token, &keys::realm().decoding(), &validation)
            .ok()
            .map(|d| d.claims)
    }
}

/// The scopes asked for, with those that every client has.
pub(super) fn full_scope(asked: &str) -> String {
    let mut scopes: Vec<&str> = asked.split_whitespace().collect();
    for usual in ["profile", "email"] {
        if !scopes.contains(&usual) {
            scopes.push(usual);
        }
    }
    scopes.join(" ")
}
