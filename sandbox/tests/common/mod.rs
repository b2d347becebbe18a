//! Calls to a tool without HTTP.
#![allow(dead_code)]

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use opstella_sandbox::{Reply, Request, SandboxTool};
use serde_json::Value;

/// A tool with the headers that every call to it carries.
pub struct Caller<T> {
    pub tool: T,
    pub headers: Vec<(&'static str, String)>,
}

impl<T: SandboxTool> Caller<T> {
    /// A call with a body of some type; `path` may have a query.
    pub fn send(&self, method: &str, path: &str, content_type: Option<&str>, body: String) -> Reply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        if let Some(content_type) = content_type {
            headers.insert("content-type", HeaderValue::from_str(content_type).unwrap());
        }
        self.tool.handle(&Request {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers,
            body: body.into(),
            base_url: format!("http://127.0.0.1/{}", self.tool.name()),
        })
    }

    /// A call with a JSON body; status and JSON answer (`null` where it has no body).
    pub fn json(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        parse(&self.send(method, path, Some("application/json"), body.to_string()))
    }

    /// A call without a body.
    pub fn get(&self, path: &str) -> (u16, Value) {
        parse(&self.send("GET", path, None, String::new()))
    }

    /// A DELETE without a body.
    pub fn delete(&self, path: &str) -> (u16, Value) {
        parse(&self.send("DELETE", path, None, String::new()))
    }

    /// A POST of a form.
    pub fn form(&self, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        parse(&self.send("POST", path, Some("application/x-www-form-urlencoded"), body))
    }
}

/// Status and JSON body of an answer.
pub fn parse(reply: &Reply) -> (u16, Value) {
    let body = if reply.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&reply.body).unwrap()
    };
    (reply.status.as_u16(), body)
}
