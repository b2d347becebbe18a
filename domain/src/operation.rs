//! What a step does in a tool.
//!
//! Each operation names one desired resource. Its adapter implements it as *observe, then act*, and its undo as
//! *observe, then delete what this run made*. An input holds names only: no secret is ever in an operation, it
//! names the [`SecretPath`] where one is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::naming::{KubernetesName, QualityKey, RegistryProject, RepositoryPath, SecretPath, VaultName};
use crate::template::TemplateRef;
use crate::{ComponentName, Environment, EnvironmentSet, ProjectSlug, ServiceKey, Tool};

/// Where the value of a CI variable comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VariableValue {
    /// Written in the plan: nothing secret.
    Plain(String),
    /// Read from Vault when the step runs; masked in CI.
    Secret {
        /// Where it is kept.
        path: SecretPath,
        /// Which field of it.
        field: String,
    },
}

/// A CI variable of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CiVariable {
    /// Its name in CI: `OPSTELLA_REGISTRY`.
    pub key: String,
    /// Its value, or where that is.
    pub value: VariableValue,
}

/// What a template may use when it is rendered for a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentValues {
    /// The project.
    pub project: ProjectSlug,
    /// The service.
    pub service: crate::ServiceName,
    /// The component.
    pub component: ComponentName,
    /// The environments with an overlay.
    pub environments: EnvironmentSet,
    /// Image name without tag: `harbor.example/payments_checkout/api`.
    pub image: String,
    /// Key of the quality project.
    pub quality_key: QualityKey,
    /// Base URL of SonarQube.
    pub sonarqube_url: String,
    /// Base URL of Opstella, for the stage that registers a release.
    pub opstella_url: String,
}

/// One desired resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Operation {
    /// The group of a project. Shared by its services.
    GitlabGroup {
        /// Path of the group.
        group: ProjectSlug,
    },
    /// The repository of a component.
    GitlabProject {
        /// Where.
        repository: RepositoryPath,
    },
    /// A template's files, in one commit: all of them, or one environment's overlay.
    GitlabFiles {
        /// Where.
        repository: RepositoryPath,
        /// Which template, at which version.
        template: TemplateRef,
        /// What it is rendered with.
        values: Box<ComponentValues>,
        /// Only the files under `deploy/<env>/`, for an environment that is added later.
        only: Option<Environment>,
    },
    /// The default branch takes pushes from maintainers only, and no forced ones.
    GitlabProtectedBranch {
        /// Where.
        repository: RepositoryPath,
    },
    /// An environment of the repository.
    GitlabEnvironment {
        /// Where.
        repository: RepositoryPath,
        /// Which.
        environment: Environment,
    },
    /// CI variables, masked where secret.
    GitlabVariables {
        /// Where.
        repository: RepositoryPath,
        /// Which.
        variables: Vec<CiVariable>,
    },
    /// The webhook to Opstella.
    GitlabWebhook {
        /// Where.
        repository: RepositoryPath,
        /// Who is called.
        url: String,
        /// The token that it is called with; made if absent.
        secret: SecretPath,
    },
    /// The registry project of a service, scanning on push.
    HarborProject {
        /// Its name.
        project: RegistryProject,
    },
    /// A robot account that pushes and pulls; its secret goes to Vault.
    HarborRobot {
        /// Where.
        project: RegistryProject,
        /// Where its name and secret are kept.
        secret: SecretPath,
    },
    /// The retention rule: the most recently pushed artifacts of each repository are kept.
    HarborRetention {
        /// Where.
        project: RegistryProject,
        /// How many artifacts a repository keeps.
        keep: u32,
    },
    /// The KV v2 path of an environment.
    VaultSecretPath {
        /// Which.
        path: SecretPath,
    },
    /// The policy that reads it.
    VaultPolicy {
        /// Its name.
        policy: VaultName,
        /// What it reads.
        path: SecretPath,
    },
    /// The role by which pods sign in.
    VaultKubernetesRole {
        /// Its name.
        role: VaultName,
        /// What it may.
        policy: VaultName,
        /// Whose pods.
        namespace: KubernetesName,
        /// Under which account.
        service_account: KubernetesName,
    },
    /// The role by which machines outside the cluster sign in.
    VaultAppRole {
        /// Its name.
        role: VaultName,
        /// What it may.
        policy: VaultName,
    },
    /// The quality project of a component.
    SonarProject {
        /// Its key.
        key: QualityKey,
    },
    /// Its quality gate.
    SonarQualityGate {
        /// Which project.
        key: QualityKey,
        /// Which gate, by name.
        gate: String,
    },
    /// The token by which CI analyses it; it goes to Vault.
    SonarToken {
        /// Which project.
        key: QualityKey,
        /// Where the token is kept.
        secret: SecretPath,
    },
    /// The webhook to Opstella.
    SonarWebhook {
        /// Which project.
        key: QualityKey,
        /// Who is called.
        url: String,
        /// The secret that signs; made if absent.
        secret: SecretPath,
    },
    /// The namespace of an environment.
    KubernetesNamespace {
        /// Its name.
        namespace: KubernetesName,
        /// For which environment.
        environment: Environment,
    },
    /// Its `ResourceQuota`.
    KubernetesQuota {
        /// Where.
        namespace: KubernetesName,
        /// Sized for which environment.
        environment: Environment,
    },
    /// Its `LimitRange`.
    KubernetesLimits {
        /// Where.
        namespace: KubernetesName,
    },
    /// Its default-deny `NetworkPolicy`.
    KubernetesNetworkPolicy {
        /// Where.
        namespace: KubernetesName,
    },
    /// The account that its workloads run under.
    KubernetesServiceAccount {
        /// Where.
        namespace: KubernetesName,
        /// Its name.
        name: KubernetesName,
    },
    /// Who of the project may do what in it: the OIDC group of the project, `edit` in DEV, `view` elsewhere.
    KubernetesRoleBinding {
        /// Where.
        namespace: KubernetesName,
        /// Whose group.
        project: ProjectSlug,
        /// In which environment.
        environment: Environment,
    },
    /// The image pull secret, from the robot's credential.
    KubernetesPullSecret {
        /// Where.
        namespace: KubernetesName,
        /// Its name.
        name: KubernetesName,
        /// Host of the registry.
        registry: String,
        /// Where the robot's credential is kept.
        credential: SecretPath,
    },
    /// The Argo CD project of a project. Shared by its services.
    ArgoProject {
        /// Its name.
        project: ProjectSlug,
        /// Which repositories it may deploy from (glob).
        source_repositories: String,
        /// Which namespaces it may deploy to (glob).
        namespaces: String,
        /// Which cluster.
        destination: String,
    },
    /// The application of a component in an environment.
    ArgoApplication {
        /// Its name.
        application: KubernetesName,
        /// In which Argo CD project.
        project: ProjectSlug,
        /// From which repository.
        repository_url: String,
        /// From which folder of it.
        path: String,
        /// To which namespace.
        namespace: KubernetesName,
        /// On which cluster.
        destination: String,
    },
}

/// Whose a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One service's.
    Service,
    /// All services' of a project: deleted only if this run made it and nobody else uses it by now.
    Project,
}

impl Operation {
    /// Which tool carries it out.
    pub fn tool(&self) -> Tool {
        match self {
            Self::GitlabGroup { .. }
            | Self::GitlabProject { .. }
            | Self::GitlabFiles { .. }
            | Self::GitlabProtectedBranch { .. }
            | Self::GitlabEnvironment { .. }
            | Self::GitlabVariables { .. }
            | Self::GitlabWebhook { .. } => Tool::GitLab,
            Self::HarborProject { .. } | Self::HarborRobot { .. } | Self::HarborRetention { .. } => {
                Tool::Harbor
            }
            Self::VaultSecretPath { .. }
            | Self::VaultPolicy { .. }
            | Self::VaultKubernetesRole { .. }
            | Self::VaultAppRole { .. } => Tool::Vault,
            Self::SonarProject { .. }
            | Self::SonarQualityGate { .. }
            | Self::SonarToken { .. }
            | Self::SonarWebhook { .. } => Tool::SonarQube,
            Self::KubernetesNamespace { .. }
            | Self::KubernetesQuota { .. }
            | Self::KubernetesLimits { .. }
            | Self::KubernetesNetworkPolicy { .. }
            | Self::KubernetesServiceAccount { .. }
            | Self::KubernetesRoleBinding { .. }
            | Self::KubernetesPullSecret { .. } => Tool::Kubernetes,
            Self::ArgoProject { .. } | Self::ArgoApplication { .. } => Tool::ArgoCd,
        }
    }

    /// Whose the resource is.
    pub fn sharing(&self) -> Sharing {
        match self {
            Self::GitlabGroup { .. } | Self::ArgoProject { .. } => Sharing::Project,
            _ => Sharing::Service,
        }
    }
}

/// On whose behalf an operation runs: what ownership marks in the tools say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The service.
    pub service: ServiceKey,
    /// The run.
    pub run: crate::RunId,
}
