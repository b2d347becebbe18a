//! The token of this invocation, renewed when it ends.

use chrono::{TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::grant::{self, NoTokens};
use super::{Client, Login, Store, Tokens};
use crate::error::ClientError;

/// A token that ends this soon is renewed first.
const SOON: TimeDelta = TimeDelta::seconds(20);

/// A token as it was used for a request.
#[derive(Debug, Clone)]
pub(crate) struct Token(SecretString);

impl Token {
    /// Its text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Where tokens come from.
pub(crate) enum Session {
    /// Given by whoever calls.
    Given(SecretString),
    /// Kept by `opstella login`.
    Kept(Box<Kept>),
}

/// A token that is kept in the file.
pub(crate) struct Kept {
    http: reqwest::Client,
    store: Store,
    server: String,
    login: Mutex<Login>,
}

impl Session {
    /// The session that was kept for this server.
    pub fn kept(http: reqwest::Client, store: Store, server: String, login: Login) -> Self {
        Self::Kept(Box::new(Kept {
            http,
            store,
            server,
            login: Mutex::new(login),
        }))
    }

    /// A token that has not ended.
    pub async fn token(&self) -> Result<Token, ClientError> {
        match self {
            Self::Given(token) => Ok(Token(token.clone())),
            Self::Kept(kept) => {
                let mut login = kept.login.lock().await;
                if login.expires_at - SOON <= Utc::now() {
                    kept.renew(&mut login).await?;
                }
                Ok(Token(login.access_token.clone()))
            }
        }
    }

    /// Gets another token because the server did not take this one; false where there is none.
    pub async fn renew(&self, refused: &Token) -> Result<bool, ClientError> {
        let Self::Kept(kept) = self else {
            return Ok(false);
        };
        let mut login = kept.login.lock().await;
        if !login.is_renewable() {
            return Ok(false);
        }
        if login.access_token.expose_secret() == refused.expose() {
            kept.renew(&mut login).await?;
        }
        Ok(true)
    }

    /// What to do where the server does not take the token.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Given(_) => "give another token: --token or OPSTELLA_TOKEN",
            Self::Kept(_) => "log in again: opstella login",
        }
    }
}

impl Kept {
    /// Puts the next token into `login` and into the file.
    async fn renew(&self, login: &mut Login) -> Result<(), ClientError> {
        let held = self.store.hold().await?;
        let mut logins = self.store.read()?;
        // Another process may have been here first, and the refresh token may work once only.
        if let Some(newer) = logins.servers.get(&self.server)
            && newer.access_token.expose_secret() != login.access_token.expose_secret()
        {
            *login = newer.clone();
            if login.expires_at - SOON > Utc::now() {
                return Ok(());
            }
        }
        let tokens = match login.machine() {
            Some((client, scope)) => {
                grant::by_client_credentials(&self.http, &login.token_endpoint, &client, scope).await?
            }
            None => self.refreshed(login).await?,
        };
        login.expires_at = tokens.expires_at(Utc::now());
        login.access_token = tokens.access_token;
        if let Some(next) = tokens.refresh_token {
            login.refresh_token = Some(next);
        }
        logins.servers.insert(self.server.clone(), login.clone());
        self.store.write(&held, &logins)
    }

    /// The next tokens, by the refresh token.
    async fn refreshed(&self, login: &Login) -> Result<Tokens, ClientError> {
        let ended = || {
            let secret = match login.machine_scope {
                Some(_) => ", or set OPSTELLA_CLIENT_SECRET",
                None => "",
            };
            ClientError::LoggedOut(format!(
                "your login to {} has ended; log in again: opstella login --server {}{secret}",
                self.server, self.server
            ))
        };
        let refresh = login.refresh_token.as_ref().ok_or_else(ended)?;
        let client = Client {
            id: login.client_id.clone(),
            secret: None,
        };
        let asked = grant::by_refresh_token(&self.http, &login.token_endpoint, &client, refresh).await;
        asked.map_err(|no| match no {
            NoTokens::Refused { code, .. } if code == "invalid_grant" => ended(),
            no => no.into(),
        })
    }
}
