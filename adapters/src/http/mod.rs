//! One HTTP client for all tools, so that every failure is classed the same way.

mod answer;
mod call;
mod classify;
mod client;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use opstella_domain::Tool;

use crate::StepError;

pub use answer::Answer;
pub use call::Call;
pub(crate) use call::MAX_ANSWER;
pub(crate) use client::install_tls;
pub use client::{Credential, ToolHttp, segment};

/// An answer that another HTTP client got than [`ToolHttp`], classed in the same way.
///
/// # Errors
/// [`StepError`], as [`Call::send`] gives it.
pub(crate) fn classed(
    tool: Tool,
    what: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, StepError> {
    let answer = Answer {
        tool,
        what,
        status,
        headers,
        body,
    };
    classify::from_status(&answer).map_or(Ok(answer), Err)
}
