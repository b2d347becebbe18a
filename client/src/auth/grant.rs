//! Asking a token endpoint (RFC 6749).

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::Tokens;
use crate::error::ClientError;
use crate::http::{Problem, causes, read_body};
use crate::values::word_at;

const TIMEOUT: Duration = Duration::from_secs(30);

/// As which client of the issuer.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Its id.
    pub id: String,
    /// Its secret, where it has one.
    pub secret: Option<SecretString>,
}

impl Client {
    /// Says who asks: the secret in the header (RFC 6749, section 2.3.1), the id of a client without one in the form.
    pub fn sign<'a>(&'a self, request: RequestBuilder, mut form: Vec<(&'a str, &'a str)>) -> RequestBuilder {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        match &self.secret {
            Some(secret) => request
                .basic_auth(encoded(&self.id), Some(encoded(secret.expose_secret())))
                .form(&form),
            None => {
                form.push(("client_id", &self.id));
                request.form(&form)
            }
        }
    }
}

/// Why a token endpoint gave none.
pub(super) enum NoTokens {
    /// It said so, with a code (RFC 6749, section 5.2).
    Refused {
        /// The code: `invalid_grant`.
        code: String,
        /// The whole.
        error: ClientError,
    },
    /// It cannot be reached.
    Away(ClientError),
}

impl From<NoTokens> for ClientError {
    fn from(no: NoTokens) -> Self {
        match no {
            NoTokens::Refused { error, .. } | NoTokens::Away(error) => error,
        }
    }
}

/// Signs in as a machine.
pub(crate) async fn by_client_credentials(
    http: &reqwest::Client,
    endpoint: &Url,
    client: &Client,
    scope: &str,
) -> Result<Tokens, ClientError> {
    let form = vec![("grant_type", "client_credentials"), ("scope", scope)];
    Ok(ask(http, endpoint, client, form).await?)
}

/// Signs in with a name and a password.
pub(crate) async fn by_password(
    http: &reqwest::Client,
    endpoint: &Url,
    client: &Client,
    scope: &str,
    (username, password): (&str, &SecretString),
) -> Result<Tokens, ClientError> {
    let form = vec![
        ("grant_type", "password"),
        ("username", username),
        ("password", password.expose_secret()),
        ("scope", scope),
    ];
    Ok(ask(http, endpoint, client, form).await?)
}

/// Gets the next tokens.
pub(super) async fn by_refresh_token(
    http: &reqwest::Client,
    endpoint: &Url,
    client: &Client,
    refresh: &SecretString,
) -> Result<Tokens, NoTokens> {
    let form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.expose_secret()),
    ];
    ask(http, endpoint, client, form).await
}

/// Gives a refresh token back (RFC 7009).
pub(crate) async fn revoke(
    http: &reqwest::Client,
    endpoint: &Url,
    client: &Client,
    refresh: &SecretString,
) -> Result<(), ClientError> {
    let form = vec![
        ("token", refresh.expose_secret()),
        ("token_type_hint", "refresh_token"),
    ];
    Ok(post(http, endpoint, client, form).await.map(drop)?)
}

pub(super) async fn ask(
    http: &reqwest::Client,
    endpoint: &Url,
    client: &Client,
    form: Vec<(&str, &str)>,
) -> Result<Tokens, NoTokens> {
    let bytes = post(http, endpoint, client, form).await?;
    // What serde says of a wrong answer may quote it, and with it a token.
    serde_json::from_slice(&bytes).map_err(|_| {
        NoTokens::Away(ClientError::Unreachable(format!(
            "POST {endpoint}: the answer holds no token"
        )))
    })
}

pub(super) async fn post(
    http: &reqwest::Client,
    endpoint: &Url,
    client: &Client,
    form: Vec<(&str, &str)>,
) -> Result<Vec<u8>, NoTokens> {
    let away = |why: String| NoTokens::Away(ClientError::Unreachable(format!("POST {endpoint}: {why}")));
    let request = client.sign(http.post(endpoint.clone()), form);
    let exchange = async {
        let response = request
            .header("Accept", "application/json")
            .send()
            .await
            .map_err(|error| away(format!("cannot be reached: {}", causes(&error.without_url()))))?;
        let status = response.status();
        let bytes = read_body(response).await.map_err(away)?;
        if status.is_success() {
            return Ok(bytes);
        }
        let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let code = word_at(&document, "/error");
        // Without a code it is not the issuer that speaks, but something in front of it.
        if status.is_server_error() || matches!(status.as_u16(), 408 | 429) || code.is_empty() {
            return Err(away(format!("status {}", status.as_u16())));
        }
        let said = match word_at(&document, "/error_description") {
            description if description.is_empty() => code.clone(),
            description => format!("{code}: {description}"),
        };
        let problem = Problem::said(status.as_u16(), &said, "");
        Err(NoTokens::Refused {
            code,
            error: ClientError::Refused {
                call: format!("POST {endpoint}"),
                problem: Box::new(problem),
            },
        })
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(result) => result,
        Err(_) => Err(away("no answer in time".to_owned())),
    }
}
