//! A stand-in of every tool that Opstella drives, in one process.
//!
//! Each tool is a [`SandboxTool`]: in-memory state and a pure `handle` from [`Request`] to [`Reply`], with the
//! vendor's status codes and bodies. `server` puts them behind one HTTP port, each under its own path prefix
//! (`/gitlab`, `/harbor`, ...), and adds latency and faults on demand (`faults`).

pub mod argocd;
#[cfg(feature = "contract")]
pub mod contract;
pub mod exchange;
pub mod harbor;
pub mod kubernetes;
pub mod tool;
pub mod vault;

pub use exchange::{Reply, Request};
pub use tool::SandboxTool;
