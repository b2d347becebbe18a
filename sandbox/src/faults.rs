//! Faults on demand: which request goes wrong, how, and how often.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Reply;

/// When the connection is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropWhen {
    /// The tool never sees the request.
    Before,
    /// The tool does the work; only the answer is lost.
    After,
}

/// A fault as asked for: over HTTP (`POST /_sandbox/faults`) or in-process ([`crate::Sandbox::add_fault`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The tool's name, or `*` for all of them.
    pub tool: String,
    /// HTTP method; absent means every method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Glob on the path below the tool's prefix, as sent (percent-encoded). `*` stays within a segment, `**` does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Answer this status instead of the tool's answer; the tool never sees the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Wait this long first. Without `status` and `drop` the tool then answers as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Drop the connection without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<DropWhen>,
    /// Body of the faulty answer: text as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// `Content-Type` of the faulty answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How often it hits; absent means for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How many matching requests pass unharmed first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<u64>,
    /// `Retry-After` of the faulty answer, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Fault {
    /// A fault on every request to a tool; say next what goes wrong.
    pub fn on(tool: impl Into<String>) -> Self {
        Self {
            tool: tool.into(),
            method: None,
            path: None,
            status: None,
            latency_ms: None,
            drop: None,
            body: None,
            content_type: None,
            times: None,
            skip: None,
            retry_after: None,
        }
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only requests whose path fits this glob.
    #[must_use]
    pub fn path(mut self, glob: impl Into<String>) -> Self {
        self.path = Some(glob.into());
        self
    }

    /// Answer this status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Wait this long first.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency_ms = Some(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Drop the connection; the tool never sees the request.
    #[must_use]
    pub fn drop_before(mut self) -> Self {
        self.drop = Some(DropWhen::Before);
        self
    }

    /// Let the tool do the work and drop the connection without an answer.
    #[must_use]
    pub fn drop_after(mut self) -> Self {
        self.drop = Some(DropWhen::After);
        self
    }

    /// Body of the faulty answer.
    #[must_use]
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Hit only so often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Let the first matching requests pass.
    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = Some(skip);
        self
    }

    /// `Retry-After` of the faulty answer, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The faulty answer; `None` where the tool is to answer itself.
    pub(crate) fn reply(&self) -> Option<Reply> {
        let status = StatusCode::from_u16(self.status?).ok()?;
        let mut reply = match &self.body {
            Some(Value::String(text)) => Reply::text(status, "text/plain; charset=utf-8", text.clone()),
            Some(body) => Reply::json(status, body),
            None => Reply::json(
                status,
                &json!({"message": format!("{status} (fault of the sandbox)")}),
            ),
        };
        if let Some(content_type) = &self.content_type {
            reply = reply.with_header(http::header::CONTENT_TYPE, content_type);
        }
        if let Some(seconds) = self.retry_after {
            reply = reply.with_header(http::header::RETRY_AFTER, &seconds.to_string());
        }
        Some(reply)
    }
}

/// Why a fault was refused.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// It would change nothing.
    #[error("the fault says nothing to go wrong: give `status`, `latency_ms` or `drop`")]
    Harmless,
    /// It names a tool that is not there.
    #[error("no tool `{tool}` here: use one of {known}, or `*`")]
    UnknownTool {
        /// As given.
        tool: String,
        /// What is there.
        known: String,
    },
    /// Its glob does not parse.
    #[error("`path` is not a glob: {0}")]
    Path(#[from] globset::Error),
    /// Its status is not one that a server ends an exchange with.
    #[error("`status` must be between 200 and 599, not {0}")]
    Status(u16),
    /// Its method is none.
    #[error("`method` is not an HTTP method: `{0}`")]
    Method(String),
    /// `status` and `drop` exclude each other.
    #[error("`status` and `drop` exclude each other: a dropped connection carries no status")]
    StatusAndDrop,
}
