//! One HTTP client for all tools, so that every failure is classed the same way.

mod absent;
mod answer;
mod call;
mod classify;
mod client;

pub use answer::Answer;
pub use call::Call;
pub(crate) use call::MAX_ANSWER;
pub(crate) use classify::{innermost, retry_after};
pub(crate) use client::install_tls;
pub use client::{Credential, ToolHttp, segment};
