//! Asking the issuer for its keys.

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::issuer_http::{self, IssuerHttpError};

/// A key of the issuer.
#[derive(Clone)]
pub(super) struct Key {
    pub jwk: Jwk,
    pub decoding: DecodingKey,
}

/// Keys by `kid`.
pub(super) type KeySet = HashMap<String, Key>;

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

/// Reads the keys of an issuer.
pub(super) async fn fetch(client: &Client, issuer: &str) -> Result<KeySet, String> {
    let url = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let discovery: Discovery = get(client, &url).await?;
    if discovery.issuer != issuer {
        return Err(format!(
            "{url} is of the issuer {}, not of {issuer}: set oidc.issuer exactly as the issuer names itself",
            discovery.issuer
        ));
    }
    let jwks: Jwks = get(client, &discovery.jwks_uri).await?;
    let keys: KeySet = jwks.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err(format!("{} lists no key that can be used", discovery.jwks_uri));
    }
    Ok(keys)
}

/// A key that signs and has an id; the others are passed over.
fn usable(json: Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    if !matches!(&jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id.clone()?, Key { jwk, decoding }))
}

async fn get<T: DeserializeOwned>(client: &Client, url: &str) -> Result<T, String> {
    let fail = |what: String| format!("GET {url}: {what}");
    let response = client.get(url).send().await;
    let response = response.map_err(|error| fail(IssuerHttpError::from(error).to_string()))?;
    if !response.status().is_success() {
        return Err(fail(format!("status {}", response.status())));
    }
    let bytes = issuer_http::body(response).await;
    let bytes = bytes.map_err(|error| fail(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| fail(error.to_string()))
}
