//! A tool's answer.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use opstella_domain::Tool;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::StepError;

/// Longest part of a tool's own error text that is passed on, in characters.
const MAX_TEXT: usize = 300;

/// A tool's answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) tool: Tool,
    pub(super) what: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

impl Answer {
    /// An answer that another HTTP client got than [`super::ToolHttp`], whatever its status.
    pub(crate) fn of(tool: Tool, what: String, status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            tool,
            what,
            status,
            headers,
            body,
        }
    }

    /// The answer, unless its status alone is a failure, whatever was asked.
    ///
    /// # Errors
    /// [`StepError`], as [`super::Call::send`] gives it.
    pub(crate) fn classed(self) -> Result<Self, StepError> {
        super::classify::from_status(&self).map_or(Ok(self), Err)
    }

    /// Whether the status is this one.
    pub fn is(&self, status: StatusCode) -> bool {
        self.status == status
    }

    /// The answer, if its status is 2xx.
    ///
    /// # Errors
    /// [`Answer::refused`] otherwise.
    pub fn success(self) -> Result<Self, StepError> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(self.refused())
        }
    }

    /// The answer, or none if its status is 404: the tool's own, for any other is a failure by itself.
    ///
    /// # Errors
    /// [`Answer::refused`] if it is neither 2xx nor 404.
    pub fn found(self) -> Result<Option<Self>, StepError> {
        if self.is(StatusCode::NOT_FOUND) {
            Ok(None)
        } else {
            self.success().map(Some)
        }
    }

    /// The JSON body as a type.
    ///
    /// # Errors
    /// [`StepError::Transient`] where the body is something else: a proxy or a maintenance page answered.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let html = self.headers.get(http::header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
            let what = if html { "an HTML page".to_owned() } else { format!("something else ({error})") };
            StepError::Transient {
                message: format!(
                    "{}: {} answered {} with {what} instead of JSON; something between us and the tool may be answering, \
                     such as a proxy or a maintenance page: check the URL of the connection",
                    self.tool, self.what, self.status
                ),
                retry_after: None,
            }
        })
    }

    /// The tool's own words, shortened: from the usual places of an error body, or the body itself.
    pub fn error_text(&self) -> String {
        let text = match serde_json::from_slice::<Value>(&self.body) {
            Ok(value) => told(&value).unwrap_or_else(|| value.to_string()),
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
    }

    /// The failure that a status means which the adapter does not expect.
    pub fn refused(&self) -> StepError {
        let text = self.error_text();
        let hint = match self.status.as_u16() {
            403 => "; give Opstella's account the right to do this",
            300..=399 => "; the connection's URL redirects: use the one it redirects to",
            _ => "",
        };
        let message = format!(
            "{}: {} answered {}: {text}{hint}",
            self.tool, self.what, self.status
        );
        // A sign-in or a maintenance page that something between us and the tool sends everybody to passes.
        if self.status.is_redirection() {
            return StepError::Transient {
                message,
                retry_after: None,
            };
        }
        StepError::Permanent { message }
    }
}

/// Where tools put their words: GitLab and Argo CD in `message`, Harbor, Vault and SonarQube in `errors`.
fn told(body: &Value) -> Option<String> {
    if let Some(errors) = body.get("errors").and_then(Value::as_array) {
        let words = |e: &Value| {
            let inner = e.get("message").or_else(|| e.get("msg")).unwrap_or(e);
            inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)
        };
        return Some(errors.iter().map(words).collect::<Vec<_>>().join("; "));
    }
    let message = body.get("message").or_else(|| body.get("error"))?;
    Some(
        message
            .as_str()
            .map_or_else(|| message.to_string(), str::to_owned),
    )
}
