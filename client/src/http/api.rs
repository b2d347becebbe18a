//! The API, with a token.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::{Problem, Request, ServerUrl, body, retry};
use crate::auth::Session;
use crate::error::ClientError;
use crate::values::{list, set, word_at};

/// Longest until queries see what a command did.
const VISIBLE: Duration = Duration::from_secs(10);
/// How many entries a page has.
const PAGE: usize = 200;

/// The API, with a token.
pub(crate) struct Api {
    client: reqwest::Client,
    server: ServerUrl,
    session: Session,
    timeout: Duration,
    key: String,
}

/// What one try came to.
enum Tried {
    Answered(Response),
    /// It failed, and may pass: after the pause that the server asks for.
    Again(ClientError, Option<Duration>),
    Over(ClientError),
}

impl Api {
    /// The API of a server. Commands are sent under the key; under a new one, if there is none.
    pub fn new(
        client: reqwest::Client,
        server: ServerUrl,
        session: Session,
        timeout: Duration,
        key: Option<String>,
    ) -> Self {
        Self {
            client,
            server,
            session,
            timeout,
            key: key.unwrap_or_else(|| Uuid::new_v4().to_string()),
        }
    }

    /// Asks a query.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.json(&Request::get(path)).await
    }

    /// Sends a command with a JSON body.
    pub async fn command(&self, method: Method, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.json(&Request::command(method, path, body)).await
    }

    /// Waits, not for long, until queries see what a command did: a script may ask right after it.
    pub async fn seen_answer(&self, answer: &Value) {
        self.seen(&word_at(answer, "/resource"), &word_at(answer, "/position"))
            .await;
    }

    /// The same for a resource and a place in the journal.
    pub async fn seen(&self, resource: &str, position: &str) {
        if resource.starts_with('/') && !position.is_empty() {
            let request = Request::get(format!("{resource}?after={position}"));
            // The command was carried out, whether that can be seen or not.
            let _ = tokio::time::timeout(VISIBLE, self.send(&request)).await;
        }
    }

    /// Sends a request whose answer is JSON.
    pub async fn json(&self, request: &Request) -> Result<Value, ClientError> {
        let bytes = self.send(request).await?;
        serde_json::from_slice(&bytes).map_err(|_| {
            ClientError::Unreachable(format!(
                "{}: {} answers something else than JSON: is it an Opstella server?",
                request.call(),
                self.server
            ))
        })
    }

    /// The entries of a list, page after page, `limit` at most.
    pub async fn list(&self, path: &str, limit: usize) -> Result<Vec<Value>, ClientError> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut next = format!("{path}{joint}limit={}", limit.clamp(1, PAGE));
        let mut all = Vec::new();
        loop {
            let page = self.get(&next).await?;
            let items = list(page.get("items").unwrap_or(&page));
            all.extend(items.iter().cloned());
            next = word_at(&page, "/next");
            // A server that answers an empty page for ever gets no second request for it.
            if all.len() >= limit || !next.starts_with('/') || items.is_empty() {
                all.truncate(limit);
                return Ok(all);
            }
        }
    }

    /// Opens a stream of events, after this one. It is tried once: whoever reads it comes back.
    pub async fn open(&self, path: &str, after: Option<&str>) -> Result<Response, ClientError> {
        let request = Request::get(path);
        let mut renewed = false;
        loop {
            let token = self.session.token().await?;
            let mut builder = request.build(&self.client, self.server.join(path));
            builder = builder.header("Accept", "text/event-stream");
            if let Some(after) = after {
                builder = builder.header("Last-Event-ID", after);
            }
            let sent = builder.bearer_auth(token.expose()).send();
            let response = match tokio::time::timeout(self.timeout, sent).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(self.unreachable(&request, &error.without_url())),
                Err(_) => return Err(self.too_slow(&request)),
            };
            if response.status() == StatusCode::UNAUTHORIZED && !renewed {
                renewed = true;
                if self.session.renew(&token).await? {
                    continue;
                }
            }
            return match self.judge(&request, response).await {
                Tried::Answered(response) => Ok(response),
                Tried::Again(error, _) | Tried::Over(error) => Err(error),
            };
        }
    }

    /// Sends until it is answered or there is no use: the same key each time.
    pub async fn send(&self, request: &Request) -> Result<Vec<u8>, ClientError> {
        let mut tries = 0;
        let mut renewed = false;
        loop {
            tries += 1;
            let token = self.session.token().await?;
            let tried = tokio::time::timeout(self.timeout, self.try_once(request, token.expose())).await;
            let (error, asked) = match tried {
                Ok(Ok(bytes)) => return Ok(bytes),
                Ok(Err(Tried::Over(ClientError::Refused { problem, .. })))
                    if problem.status == 401 && !renewed && self.session.renew(&token).await? =>
                {
                    renewed = true;
                    continue;
                }
                Ok(Err(Tried::Over(error))) => return Err(error),
                Ok(Err(Tried::Again(error, asked))) => (error, asked),
                Ok(Err(Tried::Answered(_))) => return Err(self.too_slow(request)),
                Err(_) => (self.too_slow(request), None),
            };
            if tries >= retry::TRIES {
                return Err(error);
            }
            tokio::time::sleep(retry::pause(tries, asked)).await;
        }
    }

    async fn try_once(&self, request: &Request, token: &str) -> Result<Vec<u8>, Tried> {
        let mut builder = request.build(&self.client, self.server.join(&request.path));
        if request.is_command() {
            builder = builder.header("Idempotency-Key", &self.key);
        }
        let sent = builder.bearer_auth(token).send().await;
        let response = sent.map_err(|error| {
            // A header that cannot be sent stays so.
            let over = error.is_builder();
            let error = error.without_url();
            if over {
                Tried::Over(ClientError::Usage(format!(
                    "the request cannot be sent: {}; look at --token and --idempotency-key",
                    super::causes(&error)
                )))
            } else {
                Tried::Again(self.unreachable(request, &error), None)
            }
        })?;
        match self.judge(request, response).await {
            Tried::Answered(response) => body::read(response).await.map_err(|why| {
                let why = format!("{}: the answer breaks off: {why}", request.call());
                Tried::Again(ClientError::Unreachable(why), None)
            }),
            other => Err(other),
        }
    }

    /// What an answer means.
    async fn judge(&self, request: &Request, response: Response) -> Tried {
        let (status, call) = (response.status(), request.call());
        if status.is_success() {
            return Tried::Answered(response);
        }
        let headers = response.headers().clone();
        if status.is_redirection() {
            let to = headers
                .get("location")
                .and_then(|v| v.to_str().ok())
                .unwrap_or("nowhere");
            return Tried::Over(ClientError::Usage(format!(
                "{call}: {} redirects to {to}; give the address itself as --server",
                self.server
            )));
        }
        let bytes = body::read(response).await.unwrap_or_default();
        let mut problem = Problem::read(status.as_u16(), &bytes);
        let again = retry::may_pass(status, problem.slug());
        if status == StatusCode::UNAUTHORIZED && word_at(&problem.document, "/hint").is_empty() {
            set(&mut problem.document, "hint", self.session.hint());
        }
        let problem = Box::new(problem);
        let error = if status.is_server_error() {
            let again = self.again(request);
            ClientError::Unavailable { call, problem, again }
        } else {
            ClientError::Refused { call, problem }
        };
        match retry::asked(&headers) {
            Ok(asked) if again => Tried::Again(error, asked),
            _ => Tried::Over(error),
        }
    }

    fn unreachable(&self, request: &Request, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable(format!(
            "{} cannot be reached: {}; look at --server{} [{}]",
            self.server,
            super::causes(error),
            self.again(request),
            request.call()
        ))
    }

    fn too_slow(&self, request: &Request) -> ClientError {
        ClientError::Unreachable(format!(
            "{} did not answer within {} s (--request-timeout){} [{}]",
            self.server,
            self.timeout.as_secs(),
            self.again(request),
            request.call()
        ))
    }

    /// How to send a command again whose outcome is not known.
    fn again(&self, request: &Request) -> String {
        if request.is_command() {
            format!(
                "; it may have been done: repeat it with --idempotency-key {}",
                self.key
            )
        } else {
            String::new()
        }
    }
}
