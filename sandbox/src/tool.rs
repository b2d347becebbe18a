//! What every stand-in implements.

use serde_json::Value;

use crate::{Reply, Request};

/// One tool's stand-in. Implementations hold their state behind a `std::sync::Mutex` and never block on I/O.
pub trait SandboxTool: Send + Sync {
    /// Path prefix and name: `gitlab`, `harbor`, `vault`, `sonarqube`, `kubernetes`, `argocd`, `keycloak`.
    fn name(&self) -> &'static str;

    /// Told once, when the server listens, under which URL clients reach this tool.
    fn started(&self, _base_url: &str) {}

    /// Answers one request as the vendor's server would, credentials checked.
    fn handle(&self, request: &Request) -> Reply;

    /// Answers a request below `/_sandbox/NAME`: what a test or the demo does to the tool that its API has no call
    /// for. The request's path lacks that prefix. `None` where there is no such route.
    fn operate(&self, _request: &Request) -> Option<Reply> {
        None
    }

    /// Everything that exists in the tool, one entry a resource: kind to list of names. Empty lists are left
    /// out, and so is what a fresh installation has of itself.
    fn state(&self) -> Value;
}
