//! The well-known demo credentials of a default sandbox. They open nothing but the sandbox itself.

/// GitLab personal access token of the administrator.
pub const GITLAB_TOKEN: &str = "glpat-opstella-sandbox";
/// SonarQube user token of the administrator.
pub const SONARQUBE_TOKEN: &str = "squ_opstella_sandbox";
/// Harbor administrator.
pub const HARBOR_USER: &str = "admin";
/// Password of [`HARBOR_USER`].
pub const HARBOR_PASSWORD: &str = "Harbor12345";
/// Vault root token.
pub const VAULT_TOKEN: &str = "opstella-sandbox-root";
/// Kubernetes bearer token of the cluster's administrator.
pub const KUBERNETES_TOKEN: &str = "opstella-sandbox-cluster-admin";
/// Argo CD token of the administrator.
pub const ARGOCD_TOKEN: &str = "opstella-sandbox-argocd";
/// Keycloak's one realm.
pub const KEYCLOAK_REALM: &str = "opstella";
/// Public Keycloak client that people sign in with.
pub const KEYCLOAK_PUBLIC_CLIENT: &str = "opstella-cli";
/// Confidential Keycloak client of machines.
pub const KEYCLOAK_CLIENT: &str = "opstella";
/// Secret of [`KEYCLOAK_CLIENT`].
pub const KEYCLOAK_CLIENT_SECRET: &str = "opstella-sandbox-secret";
/// Confidential Keycloak client of CI jobs.
pub const KEYCLOAK_CI_CLIENT: &str = "opstella-ci";
/// Secret of [`KEYCLOAK_CI_CLIENT`].
pub const KEYCLOAK_CI_CLIENT_SECRET: &str = "opstella-ci-sandbox-secret";
pub use crate::keycloak::{DEMO_USERS, DemoUser};
