//! The well-known demo credentials of a default sandbox. They open nothing but the sandbox itself.

/// GitLab personal access token of the administrator.
pub const GITLAB_TOKEN: &str = "glpat-opstella-sandbox";
/// SonarQube user token of the administrator.
pub const SONARQUBE_TOKEN: &str = "squ_opstella_sandbox";
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
