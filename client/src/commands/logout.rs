//! `opstella logout`.

use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

use crate::answer::Answer;
use crate::auth::{self, Client, Login, Session, Store};
use crate::context::Context;
use crate::error::ClientError;
use crate::http::{self, Api, Request, ServerUrl};

/// How long a server has to record the logout.
const GOODBYE: Duration = Duration::from_secs(5);

/// Logs out of the server, or of all.
#[derive(Debug, Args)]
pub struct Logout {
    /// Of every server.
    #[arg(long)]
    all: bool,
}

/// Logs out.
pub(crate) async fn run(context: &Context, what: Logout) -> Result<Answer, ClientError> {
    let store = Store::of_user()?;
    let named = context.named_server()?.map(|server| server.to_string());
    let kept = store.read()?;
    let names: Vec<String> = if what.all {
        kept.servers.keys().cloned().collect()
    } else {
        named.or_else(|| kept.default.clone()).into_iter().collect()
    };
    let http = http::client()?;
    for name in &names {
        if let Some(login) = kept.servers.get(name) {
            say_goodbye(context, &http, name, login).await;
        }
    }
    let held = store.hold().await?;
    let mut logins = store.read()?;
    let mut out = Vec::new();
    for name in names {
        let Some(login) = logins.servers.remove(&name) else {
            continue;
        };
        if let (Some(endpoint), Some(refresh)) = (&login.revocation_endpoint, &login.refresh_token) {
            let client = Client {
                id: login.client_id,
                secret: None,
            };
            // The token is forgotten here in any case.
            if let Err(error) = auth::revoke(&http, endpoint, &client, refresh).await {
                context
                    .progress
                    .say(&format!("the issuer did not take the token back: {error}"));
            }
        }
        out.push(name);
    }
    if logins
        .default
        .as_ref()
        .is_some_and(|name| !logins.servers.contains_key(name))
    {
        logins.default = logins.servers.keys().next().cloned();
    }
    store.write(&held, &logins)?;
    let line = match out.as_slice() {
        [] => "you were not logged in".to_owned(),
        names => format!("logged out of {}", names.join(", ")),
    };
    Ok(Answer::of(json!({ "servers": out })).line(line))
}

/// Has the server record that its user signed out. It is forgotten here in any case.
async fn say_goodbye(context: &Context, http: &reqwest::Client, name: &str, login: &Login) {
    let goodbye = async {
        let session = Session::kept(http.clone(), Store::of_user()?, name.to_owned(), login.clone());
        let server = ServerUrl::parse(name)?;
        let api = Api::new(http.clone(), server, session, context.args.request_timeout, None);
        api.send(&Request::bare(Method::POST, "/auth/logout")).await
    };
    let why = match timeout(GOODBYE, goodbye).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it does not answer within {} s", GOODBYE.as_secs()),
    };
    context
        .progress
        .say(&format!("{name} did not record the logout: {why}"));
}
