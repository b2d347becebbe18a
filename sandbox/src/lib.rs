//! A stand-in of every tool that Opstella drives, in one process.
//!
//! Each tool is a [`SandboxTool`]: in-memory state and a pure `handle` from [`Request`] to [`Reply`], with the
//! vendor's status codes and bodies. [`server`] puts them behind one HTTP port, each under its own path prefix
//! (`/gitlab`, `/harbor`, ...), and adds latency and faults on demand ([`faults`]).
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use opstella_sandbox::{Fault, Sandbox, SandboxOptions};
//! let sandbox = Sandbox::start(SandboxOptions::default()).await?;
//! sandbox.add_fault(Fault::on("gitlab").method("POST").status(503).times(1))?;
//! println!("GitLab answers at {}", sandbox.tool_url("gitlab"));
//! # Ok(()) }
//! ```

mod admin;
pub mod argocd;
#[cfg(feature = "contract")]
pub mod contract;
pub mod credentials;
pub mod exchange;
mod fault_book;
pub mod faults;
pub mod gitlab;
pub mod harbor;
pub mod keycloak;
pub mod kubernetes;
mod params;
pub mod recording;
pub mod server;
mod serving;
pub mod sonarqube;
pub mod tool;
pub mod tools;
pub mod vault;

pub use argocd::ArgoCd;
pub use exchange::{Reply, Request};
pub use fault_book::FaultReport;
pub use faults::{DropWhen, Fault, FaultError};
pub use gitlab::GitLab;
pub use harbor::Harbor;
pub use keycloak::Keycloak;
pub use kubernetes::Kubernetes;
pub use recording::Exchange;
pub use server::{Sandbox, SandboxError, SandboxOptions};
pub use sonarqube::SonarQube;
pub use tool::SandboxTool;
pub use tools::Tools;
pub use vault::Vault;
