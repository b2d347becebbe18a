//! Signing in on another device (RFC 8628): the terminal shows a code, a browser takes it.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::grant::{self, NoTokens};
use super::{Client, Tokens};
use crate::error::ClientError;
use crate::progress::Progress;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Seconds between questions, unless the issuer says otherwise; also what `slow_down` adds.
const INTERVAL: u64 = 5;
/// Longest that anybody waits for somebody with a browser.
const PATIENCE: u64 = 1800;

#[derive(Deserialize)]
struct Begun {
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// Shows the code and waits until somebody has entered it.
pub(crate) async fn sign_in(
    http: &reqwest::Client,
    device: &Url,
    tokens: &Url,
    client: &Client,
    scope: &str,
    progress: &Progress,
) -> Result<Tokens, ClientError> {
    let answer = grant::post(http, device, client, vec![("scope", scope)]).await?;
    let begun: Begun = serde_json::from_slice(&answer)
        .map_err(|_| ClientError::Unreachable(format!("POST {device}: the answer begins no sign-in")))?;
    // Asked of a person: shown with --quiet too.
    progress.ask(&format!(
        "Open {} and enter the code {}",
        begun.verification_uri, begun.user_code
    ));
    if let Some(complete) = &begun.verification_uri_complete {
        progress.ask(&format!("or open {complete}"));
    }
    let deadline = Instant::now() + Duration::from_secs(begun.expires_in.min(PATIENCE));
    let mut interval = begun.interval.unwrap_or(INTERVAL).max(1);
    loop {
        let next = Instant::now() + Duration::from_secs(interval);
        if next > deadline {
            return Err(ClientError::Unreachable(
                "the code has expired before anybody entered it; run `opstella login` again".to_owned(),
            ));
        }
        tokio::time::sleep_until(next).await;
        let form = vec![
            ("grant_type", GRANT),
            ("device_code", begun.device_code.expose_secret()),
        ];
        match grant::ask(http, tokens, client, form).await {
            Ok(tokens) => return Ok(tokens),
            Err(NoTokens::Refused { code, error }) => match code.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval += INTERVAL,
                _ => return Err(error),
            },
            // RFC 8628, section 3.5: ask less often while it is away.
            Err(NoTokens::Away(_)) => interval = (interval * 2).min(60),
        }
    }
}
