//! Which tools a default sandbox has.

use std::sync::Arc;

use crate::{GitLab, SandboxTool, SonarQube, credentials};

/// Every tool, with the demo credentials of [`crate::credentials`].
pub fn all() -> Vec<Arc<dyn SandboxTool>> {
    vec![
        Arc::new(GitLab::new(credentials::GITLAB_TOKEN)),
        Arc::new(SonarQube::new(credentials::SONARQUBE_TOKEN)),
    ]
}
