//! What Argo CD runs: drift and health.

use super::Parts;

/// Looks at every environment that runs something, again and again.
pub(super) async fn run(parts: &Parts) {
    while parts.pause(parts.options.watch_interval).await {}
}
