//! The OpenID provider, by the crate `openidconnect`: what it says of itself, code and refresh grant, logout.

mod types;

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{CoreJwsSigningAlgorithm, CoreResponseType};
use openidconnect::{
    AccessTokenHash, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RefreshToken, Scope, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::http_client;
use crate::config::{ConfigError, OidcConfig};
use types::{Client, IdToken, IdTokenClaims, refused};
pub(super) use types::{Granted, ProviderError, Tokens};

/// The provider, and what is known of it.
pub(super) struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<SecretString>,
    scopes: Vec<Scope>,
    algorithms: Vec<CoreJwsSigningAlgorithm>,
    redirect: RedirectUrl,
    after_logout: PostLogoutRedirectUrl,
    http: reqwest::Client,
    refresh: Duration,
    max_age: Duration,
    min_interval: Duration,
    known: Mutex<Option<Arc<Known>>>,
}

struct Known {
    client: Client,
    metadata: ProviderMetadataWithLogout,
    since: Instant,
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
        Ok(Self {
            issuer: IssuerUrl::new(issuer.to_owned()).map_err(|_| broken("oidc.issuer"))?,
            client_id: ClientId::new(client_id.to_owned()),
            client_secret: config.client_secret.clone(),
            scopes: config.scopes.iter().cloned().map(Scope::new).collect(),
            algorithms: config.algorithms.iter().filter_map(algorithm).collect(),
            redirect: RedirectUrl::new(format!("{base}/auth/callback"))
                .map_err(|_| broken("server.public_url"))?,
            after_logout: PostLogoutRedirectUrl::new(format!("{base}/"))
                .map_err(|_| broken("server.public_url"))?,
            http: http_client::client(Duration::from_secs(config.timeout_seconds))
                .map_err(|_| broken("oidc.timeout_seconds"))?,
            refresh: Duration::from_secs(config.jwks_refresh_seconds),
            max_age: Duration::from_secs(config.jwks_max_age_seconds),
            min_interval: Duration::from_secs(config.jwks_min_interval_seconds),
            known: Mutex::default(),
        })
    }

    /// The issuer, as it names itself.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Where a browser goes to sign in, bound to this state.
    pub async fn begin(&self, state: &str) -> Result<Begun, ProviderError> {
        let known = self.known(false).await?;
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
        let known = self.known(false).await?;
        let http = self.http();
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
        nonce: &Nonce,
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
                verify(&*self.known(true).await?).map_err(ProviderError::IdToken)
            }
            other => other.map_err(ProviderError::IdToken),
        }
    }

    /// Renews tokens.
    pub async fn renew(&self, tokens: &Tokens) -> Result<Granted, ProviderError> {
        let refresh = tokens.refresh.clone().ok_or(ProviderError::NoRefreshToken)?;
        let known = self.known(false).await?;
        let http = self.http();
        let refresh = RefreshToken::new(refresh);
        let response = known
            .client
            .exchange_refresh_token(&refresh)
            .map_err(|_| ProviderError::NoTokenEndpoint)?
            .request_async(&http)
            .await
            .map_err(refused)?;
        let mut granted = Granted::of(&response, Some(tokens));
        if let Some(id) = response.id_token() {
            // It need not have the nonce again.
            let verifier = known
                .client
                .id_token_verifier()
                .set_allowed_algs(self.algorithms.clone());
            let any = |_: Option<&Nonce>| Ok(());
            let claims = id.claims(&verifier, any).map_err(ProviderError::IdToken)?;
            granted.subject = Some(claims.subject().as_str().to_owned());
            granted.tokens.id = Some(id.to_string());
        }
        Ok(granted)
    }

    /// Where a browser goes to end the provider's session, too; `None` where the provider has no such place.
    pub async fn end_session(&self, id_token: Option<&str>) -> Result<Option<Url>, ProviderError> {
        let known = self.known(false).await?;
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

    fn http(&self) -> impl Fn(openidconnect::HttpRequest) -> http_client::Sending + use<> {
        let client = self.http.clone();
        move |request| Box::pin(http_client::send(client.clone(), request))
    }

    /// What the provider says of itself; anew where that is old, or where it is `doubted` and not quite new.
    async fn known(&self, doubted: bool) -> Result<Arc<Known>, ProviderError> {
        let mut held = self.known.lock().await;
        let enough = if doubted { self.min_interval } else { self.refresh };
        if let Some(known) = held.as_ref().filter(|known| known.since.elapsed() < enough) {
            return Ok(Arc::clone(known));
        }
        let http = self.http();
        let metadata = match ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &http).await {
            Ok(metadata) => metadata,
            Err(error) => {
                let error = ProviderError::Unreachable(types::chain(&error));
                tracing::warn!(%error, "the provider cannot be asked about itself");
                let usable = held.clone().filter(|known| known.since.elapsed() < self.max_age);
                return usable.ok_or(error);
            }
        };
        let secret = self.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let client = Client::from_provider_metadata(metadata.clone(), self.client_id.clone(), secret)
            .set_redirect_uri(self.redirect.clone());
        let known = Arc::new(Known {
            client,
            metadata,
            since: Instant::now(),
        });
        *held = Some(Arc::clone(&known));
        Ok(known)
    }
}
