//! What a step does in a tool.
//!
//! Each operation names one desired resource. Its adapter implements it as *observe, then act*, and its undo as
//! *observe, then delete what this run made*. An input holds names only: no secret is ever in an operation, it
//! names the [`SecretPath`] where one is kept.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::naming::{KubernetesName, QualityKey, RegistryProject, RepositoryPath, SecretPath, VaultName};
use crate::release::{Digest, ReleaseVersion};
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
    /// The image of a release is in the registry. Only looked at.
    HarborArtifact {
        /// In which registry project.
        project: RegistryProject,
        /// In which repository of it.
        repository: ComponentName,
        /// Which image.
        digest: Digest,
    },
    /// The tag by which the registry says what an environment runs. Unwinding puts it back.
    HarborEnvironmentTag {
        /// In which registry project.
        project: RegistryProject,
        /// In which repository of it.
        repository: ComponentName,
        /// Which image.
        digest: Digest,
        /// The tag is this environment's slug.
        environment: Environment,
        /// Which image had the tag before; none had where this is absent.
        previous: Option<Digest>,
    },
    /// The image that an environment's overlay names, in one commit. Unwinding commits the previous one.
    GitlabImage {
        /// Where.
        repository: RepositoryPath,
        /// In `deploy/<env>/kustomization.yaml`.
        environment: Environment,
        /// Image name without tag: `harbor.example/payments_checkout/api`.
        image: String,
        /// Which image of it.
        digest: Digest,
        /// The one before; where this is absent, the overlay still names what the template wrote.
        previous: Option<Digest>,
        /// For the commit's message.
        release: ReleaseVersion,
    },
    /// The application is there, ours and at rest. Nothing is changed; *unwinding* it, which comes last, syncs the
    /// application back to what the repository says then, and waits until it is healthy.
    ArgoHold {
        /// Which application.
        application: KubernetesName,
        /// In which Argo CD project.
        project: ProjectSlug,
        /// Image name without tag.
        image: String,
        /// The image before; where this is absent there was none, and nobody waits for it to be healthy.
        previous: Option<Digest>,
        /// Whether that was ill already when this was planned: then nobody waits for it to be well again.
        #[serde(default)]
        was_ill: bool,
        /// How long unwinding waits for that, in minutes.
        wait_minutes: u32,
    },
    /// A sync of the application to the head of its repository was asked for. Unwinding leaves that to
    /// [`Operation::ArgoHold`].
    ArgoSync {
        /// Which application.
        application: KubernetesName,
        /// In which Argo CD project.
        project: ProjectSlug,
        /// Image name without tag.
        image: String,
        /// The image that it has to run then.
        digest: Digest,
    },
    /// The application is Synced and Healthy and runs the image. A durable wait: no thread is held.
    ArgoHealthy {
        /// Which application.
        application: KubernetesName,
        /// In which Argo CD project.
        project: ProjectSlug,
        /// Image name without tag.
        image: String,
        /// The image that it has to run.
        digest: Digest,
        /// How long that may take, in minutes.
        wait_minutes: u32,
    },
    /// The component answers on its health endpoint, by the API server's service proxy.
    KubernetesSmoke {
        /// Where.
        namespace: KubernetesName,
        /// Which `Service`; its port is called `http`.
        service: KubernetesName,
        /// Which path has to answer with 2xx.
        path: String,
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
            | Self::GitlabWebhook { .. }
            | Self::GitlabImage { .. } => Tool::GitLab,
            Self::HarborProject { .. }
            | Self::HarborRobot { .. }
            | Self::HarborRetention { .. }
            | Self::HarborArtifact { .. }
            | Self::HarborEnvironmentTag { .. } => Tool::Harbor,
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
            | Self::KubernetesPullSecret { .. }
            | Self::KubernetesSmoke { .. } => Tool::Kubernetes,
            Self::ArgoProject { .. }
            | Self::ArgoApplication { .. }
            | Self::ArgoHold { .. }
            | Self::ArgoSync { .. }
            | Self::ArgoHealthy { .. } => Tool::ArgoCd,
        }
    }

    /// How long the step, or its compensation, may stay under way in the tool before that counts as its failure.
    pub fn patience(&self) -> Duration {
        let minutes = match self {
            Self::ArgoHealthy { wait_minutes, .. } | Self::ArgoHold { wait_minutes, .. } => *wait_minutes,
            _ => 5,
        };
        Duration::from_secs(u64::from(minutes) * 60)
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
    /// Which Opstella.
    pub installation: crate::InstallationId,
    /// The service.
    pub service: ServiceKey,
    /// The run.
    pub run: crate::RunId,
}
