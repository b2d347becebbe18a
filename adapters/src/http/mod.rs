//! One HTTP client for all tools, so that every failure is classed the same way.

mod answer;
mod call;
mod classify;
mod client;

pub use answer::Answer;
pub use call::Call;
pub use client::{Credential, ToolHttp, segment};
