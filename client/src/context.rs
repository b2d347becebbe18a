//! What a command has at hand.

use secrecy::ExposeSecret;

use crate::args::ClientArgs;
use crate::auth::{Session, Store};
use crate::error::ClientError;
use crate::http::{self, Api, ServerUrl};
use crate::progress::Progress;

/// What a command has at hand.
pub(crate) struct Context {
    /// What every command takes.
    pub args: ClientArgs,
    /// Where it tells how it goes.
    pub progress: Progress,
}

impl Context {
    /// From the command line.
    pub fn new(args: ClientArgs) -> Self {
        let progress = Progress::new(args.quiet);
        Self { args, progress }
    }

    /// The server that was named, if one was.
    pub fn named_server(&self) -> Result<Option<ServerUrl>, ClientError> {
        // CI sets variables that it has no value for to nothing.
        let named = self.args.server.as_deref().filter(|text| !text.is_empty());
        named.map(ServerUrl::parse).transpose()
    }

    /// The API, as whoever calls.
    pub fn api(&self) -> Result<Api, ClientError> {
        let client = http::client()?;
        let named = self.named_server()?;
        let token = self
            .args
            .token
            .clone()
            .filter(|token| !token.expose_secret().is_empty());
        let none = || {
            ClientError::Usage(
                "no server: give --server or OPSTELLA_API_URL, or log in with `opstella login --server URL`"
                    .to_owned(),
            )
        };
        let (server, session) = match token {
            Some(token) => {
                let server = match named {
                    Some(server) => server,
                    None => ServerUrl::parse(&Store::of_user()?.read()?.default.ok_or_else(none)?)?,
                };
                (server, Session::Given(token))
            }
            None => {
                let store = Store::of_user()?;
                let mut logins = store.read()?;
                let server = match named {
                    Some(server) => server,
                    None => ServerUrl::parse(logins.default.as_deref().ok_or_else(none)?)?,
                };
                let name = server.to_string();
                let login = logins.servers.remove(&name).ok_or_else(|| {
                    ClientError::Usage(format!(
                        "you are not logged in to {name}: opstella login --server {name}, or set OPSTELLA_TOKEN"
                    ))
                })?;
                (server, Session::kept(client.clone(), store, name, login))
            }
        };
        let (timeout, key) = (self.args.request_timeout, self.args.idempotency_key.clone());
        Ok(Api::new(client, server, session, timeout, key))
    }
}
