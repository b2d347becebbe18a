//! Which tools a default sandbox has.

use std::sync::Arc;

use crate::{ArgoCd, GitLab, Harbor, Kubernetes, SandboxTool, SonarQube, Vault, credentials};

/// How often a default Argo CD shows a sync under way, and then a rollout, before it is done.
const PACE: u32 = 1;

/// The tools of a default sandbox, with the demo credentials of [`crate::credentials`]: Argo CD deploys from GitLab's
/// repositories, and what it deployed answers in the cluster. They are kept apart for tests that look into them.
#[derive(Clone)]
pub struct Tools {
    /// Repositories.
    pub gitlab: Arc<GitLab>,
    /// Code quality.
    pub sonarqube: Arc<SonarQube>,
    /// The registry.
    pub harbor: Arc<Harbor>,
    /// Secrets.
    pub vault: Arc<Vault>,
    /// Delivery.
    pub argocd: Arc<ArgoCd>,
    /// The cluster.
    pub kubernetes: Arc<Kubernetes>,
}

impl Default for Tools {
    fn default() -> Self {
        let gitlab = Arc::new(GitLab::new(credentials::GITLAB_TOKEN));
        let argocd = ArgoCd::new(credentials::ARGOCD_TOKEN)
            .deploying_from(gitlab.clone())
            .with_pace(PACE);
        let argocd = Arc::new(argocd);
        let kubernetes = Kubernetes::new(credentials::KUBERNETES_TOKEN).running(argocd.clone());
        Self {
            gitlab,
            sonarqube: Arc::new(SonarQube::new(credentials::SONARQUBE_TOKEN)),
            harbor: Arc::new(Harbor::new(
                credentials::HARBOR_USER,
                credentials::HARBOR_PASSWORD,
            )),
            vault: Arc::new(Vault::new(credentials::VAULT_TOKEN)),
            argocd,
            kubernetes: Arc::new(kubernetes),
        }
    }
}

impl Tools {
    /// All of them, for [`crate::SandboxOptions`].
    pub fn list(&self) -> Vec<Arc<dyn SandboxTool>> {
        vec![
            self.gitlab.clone(),
            self.sonarqube.clone(),
            self.harbor.clone(),
            self.vault.clone(),
            self.kubernetes.clone(),
            self.argocd.clone(),
        ]
    }
}

/// Every tool, with the demo credentials of [`crate::credentials`].
pub fn all() -> Vec<Arc<dyn SandboxTool>> {
    Tools::default().list()
}
