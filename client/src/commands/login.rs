//! `opstella login`.

use std::io::Read;

use chrono::Utc;
use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use crate::answer::Answer;
use crate::auth::{self, Client, Issuer, Login as Kept, Session, Store, Tokens};
use crate::context::Context;
use crate::error::ClientError;
use crate::http::{self, Api, ServerUrl};
use crate::values::rfc3339;

/// Longest secret that is read from standard input.
const LONGEST: u64 = 64 * 1024;

/// The client of the issuer, unless told otherwise.
const CLIENT_ID: &str = "opstella-cli";

/// Logs in. Without further arguments a browser on any device takes a code (OAuth 2.0 device authorization).
#[derive(Debug, Args)]
pub struct Login {
    /// The issuer of tokens; what the server says, if none is named.
    #[arg(long, env = "OPSTELLA_ISSUER", value_name = "URL")]
    issuer: Option<String>,
    /// Which client of the issuer.
    #[arg(
        long,
        env = "OPSTELLA_CLIENT_ID",
        default_value = CLIENT_ID,
        value_name = "ID"
    )]
    client_id: String,
    /// Log in as a machine: read the client's secret from standard input; that of `OPSTELLA_CLIENT_SECRET` needs no option.
    #[arg(long, conflicts_with_all = ["username", "password_stdin"])]
    client_secret_stdin: bool,
    /// Log in with a name and a password, where the issuer allows it.
    #[arg(long, requires = "password_stdin", value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input.
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Which scopes to ask for.
    #[arg(long, default_value = "openid", value_name = "SCOPES")]
    scope: String,
}

/// Logs in.
pub(crate) async fn run(context: &Context, mut what: Login) -> Result<Answer, ClientError> {
    if what.client_id.is_empty() {
        what.client_id = CLIENT_ID.to_owned();
    }
    let store = Store::of_user()?;
    let server = match context.named_server()? {
        Some(server) => server,
        None => match store.read()?.default {
            Some(server) => ServerUrl::parse(&server)?,
            None => {
                let why = "which server? give --server URL or OPSTELLA_API_URL";
                return Err(ClientError::Usage(why.to_owned()));
            }
        },
    };
    let http = http::client()?;
    let named = what.issuer.clone().filter(|text| !text.is_empty());
    let issuer = match named {
        Some(issuer) => issuer,
        None => auth::issuer_of(&http, &server).await.ok_or_else(|| {
            ClientError::Usage(format!(
                "{server} does not say whose tokens it takes: give --issuer URL or OPSTELLA_ISSUER"
            ))
        })?,
    };
    let issuer = Issuer::find(&http, &issuer).await?;
    let machine = machine(&what)?;
    let machine_scope = machine.is_some().then(|| what.scope.clone());
    let tokens = sign_in(context, &http, &issuer, &what, machine).await?;
    let expires_at = tokens.expires_at(Utc::now());

    // What the server does not take is not worth keeping.
    let given = Session::Given(tokens.access_token.clone());
    let api = Api::new(http, server.clone(), given, context.args.request_timeout, None);
    api.get("/api/v1/projects?limit=1").await?;

    let held = store.hold().await?;
    let mut logins = store.read()?;
    let kept = Kept {
        issuer: issuer.issuer.clone(),
        token_endpoint: issuer.token_endpoint,
        revocation_endpoint: issuer.revocation_endpoint,
        client_id: what.client_id,
        access_token: tokens.access_token,
        expires_at,
        refresh_token: tokens.refresh_token,
        machine_scope,
    };
    let renewed = kept.is_renewable();
    logins.servers.insert(server.to_string(), kept);
    logins.default = Some(server.to_string());
    store.write(&held, &logins)?;
    let until = rfc3339(expires_at);
    let json = json!({
        "server": server.to_string(), "issuer": issuer.issuer, "expires_at": until, "renewed": renewed,
    });
    let until = if renewed {
        "it is renewed when it ends".to_owned()
    } else {
        format!("until {until}")
    };
    Ok(Answer::of(json).line(format!(
        "logged in to {server}; the token is kept in {}, {until}",
        store.path().display()
    )))
}

/// The secret of the machine that logs in; none where a person does.
fn machine(what: &Login) -> Result<Option<SecretString>, ClientError> {
    if what.client_secret_stdin {
        return secret("client's secret").map(Some);
    }
    Ok(match what.username {
        Some(_) => None,
        None => auth::secret_of(&what.client_id),
    })
}

async fn sign_in(
    context: &Context,
    http: &reqwest::Client,
    issuer: &Issuer,
    what: &Login,
    machine: Option<SecretString>,
) -> Result<Tokens, ClientError> {
    let client = Client {
        id: what.client_id.clone(),
        secret: machine,
    };
    let (endpoint, scope) = (&issuer.token_endpoint, what.scope.as_str());
    if client.secret.is_some() {
        return auth::by_client_credentials(http, endpoint, &client, scope).await;
    }
    if let Some(username) = &what.username {
        let password = secret("password")?;
        return auth::by_password(http, endpoint, &client, scope, (username, &password)).await;
    }
    match &issuer.device_authorization_endpoint {
        Some(device) => auth::by_device(http, device, endpoint, &client, scope, &context.progress).await,
        None => Err(ClientError::Usage(format!(
            "{} offers no device authorization: log in with --client-id ID --client-secret-stdin, or with --username \
             NAME --password-stdin",
            issuer.issuer
        ))),
    }
}

/// A secret from standard input, without the line break that `echo` adds.
fn secret(what: &str) -> Result<SecretString, ClientError> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| ClientError::Usage(format!("standard input: {error}")))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(ClientError::Usage(format!("standard input holds no {what}")));
    }
    Ok(SecretString::from(secret))
}
