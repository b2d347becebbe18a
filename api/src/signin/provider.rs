//! The OpenID provider, by the crate `openidconnect`: what it says of itself, code and refresh grant, logout.

mod discovery;
mod error;
mod types;

use std::time::Duration;

use openidconnect::core::{CoreJwsSigningAlgorithm, CoreResponseType};
use openidconnect::{
    AccessTokenHash, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, ClientId, CsrfToken,
    IssuerUrl, LogoutRequest, Nonce, NonceVerifier, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, RedirectUrl, RefreshToken, Scope, TokenResponse,
};
use url::Url;

use super::http_client;
use crate::config::{ConfigError, OidcConfig};
use crate::issuer_http;
use discovery::{Discovery, Known};
pub(super) use error::ProviderError;
use error::refused;
pub(super) use types::{Granted, Renewed, Tokens};
use types::{IdToken, IdTokenClaims};

/// The provider, and what is known of it.
pub(super) struct Provider {
    client_id: ClientId,
    scopes: Vec<Scope>,
    algorithms: Vec<CoreJwsSigningAlgorithm>,
    after_logout: PostLogoutRedirectUrl,
    http: reqwest::Client,
    discovery: Discovery,
}

/// What begins a sign-in: where the browser is sent, and what is kept meanwhile.
pub(super) struct Begun {
    pub url: Url,
    pub nonce: String,
    pub verifier: String,
}

impl Provider {
    pub fn new(
        issuer: &str,
        client_id: &str,
        config: &OidcConfig,
        public_url: &Url,
    ) -> Result<Self, ConfigError> {
        let base = public_url.as_str().trim_end_matches('/');
        let broken = |key: &str| ConfigError::Invalid {
            key: key.to_owned(),
            rule: "cannot be used for signing in".to_owned(),
            place: "in the configuration".to_owned(),
        };
        let algorithm = |algorithm| serde_json::from_value(format!("{algorithm:?}").into()).ok();
        let http = issuer_http::client(Duration::from_secs(config.timeout_seconds))
            .map_err(|_| broken("oidc.timeout_seconds"))?;
        let client_id = ClientId::new(client_id.to_owned());
        let discovery = Discovery::new(
            IssuerUrl::new(issuer.to_owned()).map_err(|_| broken("oidc.issuer"))?,
            client_id.clone(),
            RedirectUrl::new(format!("{base}/auth/callback")).map_err(|_| broken("server.public_url"))?,
            http.clone(),
            config,
        );
        Ok(Self {
            client_id,
            scopes: config.scopes.iter().cloned().map(Scope::new).collect(),
            algorithms: config.algorithms.iter().filter_map(algorithm).collect(),
            after_logout: PostLogoutRedirectUrl::new(format!("{base}/"))
                .map_err(|_| broken("server.public_url"))?,
            http,
            discovery,
        })
    }

    /// The issuer, as it names itself.
    pub fn issuer(&self) -> &str {
        self.discovery.issuer()
    }

    /// Where a browser goes to sign in, bound to this state.
    pub async fn begin(&self, state: &str) -> Result<Begun, ProviderError> {
        let known = self.discovery.known(false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new(state.to_owned());
        let mut request = known
            .client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || state.clone(),
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in self.scopes.iter().filter(|scope| scope.as_str() != "openid") {
            request = request.add_scope(scope.clone());
        }
        let (url, _, nonce) = request.url();
        Ok(Begun {
            url,
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Exchanges a code, and checks the ID token that comes for it.
    pub async fn exchange(
        &self,
        code: &str,
        verifier: String,
        nonce: String,
    ) -> Result<Granted, ProviderError> {
        let known = self.discovery.known(false).await?;
        let http = http_client::sender(&self.http);
        let response = known
            .client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| ProviderError::NoTokenEndpoint)?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&http)
            .await
            .map_err(refused)?;
        let id = response.id_token().ok_or(ProviderError::NoIdToken)?;
        let nonce = Nonce::new(nonce);
        let claims = self.check(&known, id, &nonce).await?;
        let mut granted = Granted::of(&response, None);
        granted.subject = Some(claims.subject().as_str().to_owned());
        granted.sid = claims.additional_claims().sid.clone();
        granted.tokens.id = Some(id.to_string());
        if let Some(expected) = claims.access_token_hash() {
            let verifier = known.client.id_token_verifier();
            let same = id.signing_alg().ok().zip(id.signing_key(&verifier).ok());
            let same = same
                .and_then(|(alg, key)| AccessTokenHash::from_token(response.access_token(), alg, key).ok());
            if same.as_ref() != Some(expected) {
                return Err(ProviderError::AccessTokenHash);
            }
        }
        Ok(granted)
    }

    /// Checks an ID token; once more with the provider's newest keys, where its key is not known.
    async fn check(
        &self,
        known: &Known,
        id: &IdToken,
        nonce: impl NonceVerifier + Copy,
    ) -> Result<IdTokenClaims, ProviderError> {
        let verify = |known: &Known| {
            let verifier = known
                .client
                .id_token_verifier()
                .set_allowed_algs(self.algorithms.clone());
            id.claims(&verifier, nonce).cloned()
        };
        match verify(known) {
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                verify(&*self.discovery.known(true).await?).map_err(ProviderError::IdToken)
            }
            other => other.map_err(ProviderError::IdToken),
        }
    }

    /// Renews tokens.
    pub async fn renew(&self, tokens: &Tokens) -> Result<Renewed, ProviderError> {
        let refresh = tokens.refresh.clone().ok_or(ProviderError::NoRefreshToken)?;
        let known = self.discovery.known(false).await?;
        let http = http_client::sender(&self.http);
        let refresh = RefreshToken::new(refresh);
        let response = known
            .client
            .exchange_refresh_token(&refresh)
            .map_err(|_| ProviderError::NoTokenEndpoint)?
            .request_async(&http)
            .await
            .map_err(refused)?;
        let Granted {
            mut tokens,
            expires_in,
            ..
        } = Granted::of(&response, Some(tokens));
        let id = response.id_token().cloned();
        if let Some(id) = &id {
            tokens.id = Some(id.to_string());
        }
        Ok(Renewed {
            tokens,
            expires_in,
            id,
        })
    }

    /// Checks the ID token among renewed tokens: whose it is; `None` where there is none.
    pub async fn check_renewed(&self, renewed: &Renewed) -> Result<Option<String>, ProviderError> {
        let Some(id) = &renewed.id else {
            return Ok(None);
        };
        let known = self.discovery.known(false).await?;
        // It need not have the nonce again.
        let any = |_: Option<&Nonce>| Ok(());
        let claims = self.check(&known, id, any).await?;
        Ok(Some(claims.subject().as_str().to_owned()))
    }

    /// Where a browser goes to end the provider's session, too; `None` where the provider has no such place.
    pub async fn end_session(&self, id_token: Option<&str>) -> Result<Option<Url>, ProviderError> {
        let known = self.discovery.known(false).await?;
        let Some(endpoint) = known.metadata.additional_metadata().end_session_endpoint.clone() else {
            return Ok(None);
        };
        let mut request = LogoutRequest::from(endpoint)
            .set_client_id(self.client_id.clone())
            .set_post_logout_redirect_uri(self.after_logout.clone());
        if let Some(token) = id_token.and_then(|token| token.parse::<IdToken>().ok()) {
            request = request.set_id_token_hint(&token);
        }
        Ok(Some(request.http_get_url()))
    }

    /// Where a browser comes back to once it is signed out.
    pub fn after_logout(&self) -> &Url {
        self.after_logout.url()
    }
}
