//! One request, ready to be sent as often as it takes.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

/// One request, ready to be sent as often as it takes.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Its method.
    pub method: Method,
    /// Path and query, from `/api/v1` on.
    pub path: String,
    body: Option<Vec<u8>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Request {
    /// A query.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            headers: vec![(ACCEPT, HeaderValue::from_static("application/json"))],
        }
    }

    /// A command with a JSON body.
    pub fn command(method: Method, path: impl Into<String>, body: &Value) -> Self {
        let bytes = body.to_string().into_bytes();
        Self::bytes(method, path, bytes, "application/json", false)
    }

    /// A command with no body.
    pub fn bare(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            ..Self::get(path)
        }
    }

    /// A command with these bytes.
    pub fn bytes(
        method: Method,
        path: impl Into<String>,
        body: Vec<u8>,
        content_type: &'static str,
        gzip: bool,
    ) -> Self {
        let mut request = Self::bare(method, path);
        request.body = Some(body);
        let mut put = |name, value| request.headers.push((name, HeaderValue::from_static(value)));
        put(CONTENT_TYPE, content_type);
        if gzip {
            put(CONTENT_ENCODING, "gzip");
        }
        request
    }

    /// Method and path, for people.
    pub fn call(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }

    /// Whether it changes anything.
    pub fn is_command(&self) -> bool {
        self.method != Method::GET
    }

    /// The same for the HTTP client.
    pub fn build(&self, client: &reqwest::Client, url: String) -> reqwest::RequestBuilder {
        let mut builder = client.request(self.method.clone(), url);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        match &self.body {
            Some(body) => builder.body(body.clone()),
            None => builder,
        }
    }
}
