//! Where the issuer of tokens has its endpoints.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::ClientError;
use crate::http::{ServerUrl, causes, read_body};

const TIMEOUT: Duration = Duration::from_secs(20);

/// What the client uses of an issuer's metadata (OpenID Connect Discovery 1.0, RFC 8414, RFC 8628).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Issuer {
    /// Its name.
    pub issuer: String,
    /// Where tokens come from.
    pub token_endpoint: Url,
    /// Where a sign-in on another device begins.
    pub device_authorization_endpoint: Option<Url>,
    /// Where tokens are given back.
    pub revocation_endpoint: Option<Url>,
}

/// What the client uses of a protected resource's metadata (RFC 9728).
#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    authorization_servers: Vec<String>,
}

impl Issuer {
    /// Asks the issuer.
    pub async fn find(client: &reqwest::Client, issuer: &str) -> Result<Self, ClientError> {
        let base = issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let found: Self = get(client, &url).await?;
        // Else somebody else could collect passwords under its name.
        if found.issuer.trim_end_matches('/') != base {
            return Err(ClientError::Usage(format!(
                "{url} is of the issuer {}, not of {issuer}: give --issuer exactly as the issuer names itself",
                found.issuer
            )));
        }
        Ok(found)
    }
}

/// The issuer whose tokens the server takes, as it says itself; nothing where it does not say.
pub(crate) async fn issuer_of(client: &reqwest::Client, server: &ServerUrl) -> Option<String> {
    let url = server.join("/.well-known/oauth-protected-resource");
    let resource: Resource = get(client, &url).await.ok()?;
    resource.authorization_servers.into_iter().next()
}

async fn get<T: DeserializeOwned>(client: &reqwest::Client, url: &str) -> Result<T, ClientError> {
    let asked = async {
        let response = client
            .get(url)
            .header("Accept", "application/json")
            .send()
            .await
            .map_err(|error| format!("cannot be reached: {}", causes(&error.without_url())))?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let bytes = read_body(response).await?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    };
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(why)) => Err(ClientError::Unreachable(format!("GET {url}: {why}"))),
        Err(_) => Err(ClientError::Unreachable(format!("GET {url}: no answer in time"))),
    }
}
