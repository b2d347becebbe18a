//! A client of the public API.

use futures::{Stream, StreamExt};
use reqwest::{Method, Response};
use serde_json::Value;

use super::{DemoError, at};

/// A client with a token.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// A client of the server at this URL.
    pub fn new(base: &str, token: String) -> Result<Self, DemoError> {
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            base: base.to_owned(),
            token,
        })
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Result<Value, DemoError> {
        Ok(self.send(Method::GET, path, None).await?.json().await?)
    }

    /// Sends a command.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        Ok(self.send(Method::POST, path, Some(body)).await?.json().await?)
    }

    /// Sends a command on a named resource.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        Ok(self.send(Method::PUT, path, Some(body)).await?.json().await?)
    }

    /// The data of server-sent events (WHATWG HTML, section 9.2), each one JSON object.
    pub async fn events(
        &self,
        path: String,
    ) -> Result<impl Stream<Item = Result<Value, DemoError>>, DemoError> {
        let chunks = Box::pin(self.send(Method::GET, &path, None).await?.bytes_stream());
        let buffer = String::new();
        Ok(futures::stream::try_unfold(
            (chunks, buffer),
            async |(mut chunks, mut buffer)| {
                loop {
                    if let Some(end) = buffer.find('\n') {
                        let line: String = buffer.drain(..=end).collect();
                        if let Some(event) = line
                            .strip_prefix("data:")
                            .and_then(|d| serde_json::from_str(d.trim()).ok())
                        {
                            return Ok(Some((event, (chunks, buffer))));
                        }
                        continue;
                    }
                    match chunks.next().await {
                        Some(chunk) => buffer.push_str(&String::from_utf8_lossy(&chunk?)),
                        None => return Ok(None),
                    }
                }
            },
        ))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, DemoError> {
        let call = format!("{method} {path}");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Value = response.json().await.unwrap_or_default();
        let detail = at(&problem, "/detail")
            .as_str()
            .or(at(&problem, "/title").as_str())
            .unwrap_or("no reason given")
            .to_owned();
        Err(DemoError::Refused {
            call,
            status: status.as_u16(),
            detail,
        })
    }
}
