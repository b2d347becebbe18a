//! `opstella logout`.

use clap::Args;
use serde_json::json;

use crate::answer::Answer;
use crate::auth::{self, Client, Store};
use crate::context::Context;
use crate::error::ClientError;
use crate::http;

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
    let held = store.hold().await?;
    let mut logins = store.read()?;
    let names: Vec<String> = if what.all {
        logins.servers.keys().cloned().collect()
    } else {
        named.or_else(|| logins.default.clone()).into_iter().collect()
    };
    let http = http::client()?;
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
