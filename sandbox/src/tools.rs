//! Which tools a default sandbox has.

use std::sync::Arc;

use crate::{ArgoCd, GitLab, Harbor, Kubernetes, SandboxTool, SonarQube, Vault, credentials};

/// Every tool, with the demo credentials of [`crate::credentials`].
pub fn all() -> Vec<Arc<dyn SandboxTool>> {
    vec![
        Arc::new(GitLab::new(credentials::GITLAB_TOKEN)),
        Arc::new(SonarQube::new(credentials::SONARQUBE_TOKEN)),
        Arc::new(Harbor::new(
            credentials::HARBOR_USER,
            credentials::HARBOR_PASSWORD,
        )),
        Arc::new(Vault::new(credentials::VAULT_TOKEN)),
        Arc::new(Kubernetes::new(credentials::KUBERNETES_TOKEN)),
        Arc::new(ArgoCd::new(credentials::ARGOCD_TOKEN)),
    ]
}
