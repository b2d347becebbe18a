//! The steps of each tool, for a component, an environment, or both.
//!
//! A step's dependencies name whatever its tool needs to be there first. Dependencies on steps that the plan at hand
//! does not hold (they were made by an earlier run) are dropped by [`Draft::finish`].

use super::{Plan, PlanError, PlannedStep, StepId, Targets};
use crate::naming::{KubernetesName, QualityKey, RegistryProject, RepositoryPath, SecretPath, VaultName};
use crate::operation::{CiVariable, ComponentValues, Operation, VariableValue};
use crate::service::ComponentSpec;
use crate::{ComponentName, Environment, EnvironmentSet, ServiceKey, Tool};

/// The account that workloads run under, in every namespace of ours.
pub const SERVICE_ACCOUNT: &str = "workload";
/// The image pull secret, in every namespace of ours.
pub const PULL_SECRET: &str = "registry-pull";

const DEFAULT_GATE: &str = "Sonar way";
const DEFAULT_DESTINATION: &str = "https://kubernetes.default.svc";
const DEFAULT_KEEP: u32 = 20;

/// A plan in the making.
pub(super) struct Draft<'a> {
    key: &'a ServiceKey,
    targets: &'a Targets,
    steps: Vec<PlannedStep>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(key: &'a ServiceKey, targets: &'a Targets) -> Self {
        Self {
            key,
            targets,
            steps: Vec::new(),
        }
    }

    pub(super) fn key(&self) -> &'a ServiceKey {
        self.key
    }

    pub(super) fn finish(mut self) -> Result<Plan, PlanError> {
        let held: std::collections::BTreeSet<_> = self.steps.iter().map(|s| s.id.clone()).collect();
        for step in &mut self.steps {
            step.depends_on.retain(|d| held.contains(d));
        }
        Plan::new(self.steps)
    }

    pub(super) fn step(
        &mut self,
        name: &str,
        operation: Operation,
        depends_on: &[String],
    ) -> Result<(), PlanError> {
        self.targets.get(operation.tool())?;
        let id = step_id(name)?;
        let depends_on = depends_on.iter().map(|d| step_id(d)).collect::<Result<_, _>>()?;
        self.steps.push(PlannedStep {
            id,
            connection: self.targets.connection.clone(),
            operation,
            depends_on,
        });
        Ok(())
    }

    /// What every service has once, or shares with its project.
    pub(super) fn foundation(&mut self) -> Result<(), PlanError> {
        let (project, key) = (self.key.project.clone(), self.key);
        let registry = RegistryProject::of(key);
        let gitlab = self.targets.get(Tool::GitLab)?.url.as_str().to_owned();
        let argo = self.targets.get(Tool::ArgoCd)?.settings.clone();
        let keep = self
            .targets
            .get(Tool::Harbor)?
            .settings
            .keep_artifacts
            .unwrap_or(DEFAULT_KEEP);
        self.step(
            "gitlab.group",
            Operation::GitlabGroup {
                group: project.clone(),
            },
            &[],
        )?;
        self.step(
            "harbor.project",
            Operation::HarborProject {
                project: registry.clone(),
            },
            &[],
        )?;
        let secret = SecretPath::robot(key);
        let after = ["harbor.project".to_owned()];
        self.step(
            "harbor.robot",
            Operation::HarborRobot {
                project: registry.clone(),
                secret,
            },
            &after,
        )?;
        self.step(
            "harbor.retention",
            Operation::HarborRetention {
                project: registry,
                keep,
            },
            &after,
        )?;
        let operation = Operation::ArgoProject {
            source_repositories: source_repositories(&format!("{gitlab}/{project}")),
            namespaces: KubernetesName::namespace_pattern(&project),
            destination: argo.destination.unwrap_or_else(|| DEFAULT_DESTINATION.into()),
            project,
        };
        self.step("argocd.project", operation, &[])
    }

    /// What a component has in every environment alike.
    pub(super) fn component(
        &mut self,
        spec: &ComponentSpec,
        environments: &EnvironmentSet,
    ) -> Result<(), PlanError> {
        let (key, name) = (self.key, &spec.name);
        self.targets.get(Tool::Vault)?; // no step of its own here, but tokens and webhook secrets are kept there
        let repository = RepositoryPath::of(key, name);
        let repo = || repository.clone();
        let project = format!("gitlab.project/{name}");
        let files = format!("gitlab.files/{name}");
        let values = self.values(name, environments)?;
        self.step(
            &project,
            Operation::GitlabProject { repository: repo() },
            &["gitlab.group".into()],
        )?;
        let webhook = format!("gitlab.webhook/{name}");
        let operation = Operation::GitlabWebhook {
            repository: repo(),
            url: format!("{}/api/v1/webhooks/gitlab", self.targets.public_url),
            secret: SecretPath::webhook(key, name, "gitlab"),
        };
        self.step(&webhook, operation, std::slice::from_ref(&project))?;
        self.quality(name)?;
        let variables = format!("gitlab.variables/{name}");
        let operation = Operation::GitlabVariables {
            repository: repo(),
            variables: self.variables(name)?,
        };
        let after = [
            project.clone(),
            "harbor.robot".into(),
            format!("sonarqube.token/{name}"),
        ];
        self.step(&variables, operation, &after)?;
        let operation = Operation::GitlabFiles {
            repository: repo(),
            template: spec.template.clone(),
            values: Box::new(values),
            only: None,
        };
        // GitLab protects a branch by its name, also before there is one.
        let protection = format!("gitlab.protected-branch/{name}");
        let protect = Operation::GitlabProtectedBranch { repository: repo() };
        self.step(&protection, protect, std::slice::from_ref(&project))?;
        // The first commit starts the first pipeline: what it needs comes first, and who hears of it. Its secrets are
        // given to pipelines of protected branches only.
        let after = [project, webhook, variables, protection];
        self.step(&files, operation, &after)
    }

    fn quality(&mut self, name: &ComponentName) -> Result<(), PlanError> {
        let key = QualityKey::of(self.key, name);
        let project = format!("sonarqube.project/{name}");
        let settings = &self.targets.get(Tool::SonarQube)?.settings;
        let gate = settings
            .quality_gate
            .clone()
            .unwrap_or_else(|| DEFAULT_GATE.into());
        let after = [project.clone()];
        self.step(&project, Operation::SonarProject { key: key.clone() }, &[])?;
        let operation = Operation::SonarQualityGate {
            key: key.clone(),
            gate,
        };
        self.step(&format!("sonarqube.quality-gate/{name}"), operation, &after)?;
        let secret = SecretPath::analysis_token(self.key, name);
        let token = Operation::SonarToken {
            key: key.clone(),
            secret,
        };
        self.step(&format!("sonarqube.token/{name}"), token, &after)?;
        let webhook = Operation::SonarWebhook {
            key,
            url: format!("{}/api/v1/webhooks/sonarqube", self.targets.public_url),
            secret: SecretPath::webhook(self.key, name, "sonarqube"),
        };
        self.step(&format!("sonarqube.webhook/{name}"), webhook, &after)
    }

    /// What an environment has for all components alike.
    pub(super) fn environment(&mut self, environment: Environment) -> Result<(), PlanError> {
        let (key, env) = (self.key, environment.slug());
        let namespace = KubernetesName::namespace(key, environment);
        let space = || namespace.clone();
        let (path, name) = (
            SecretPath::environment(key, environment),
            VaultName::environment(key, environment),
        );
        let policy = format!("vault.policy/{env}");
        let after = [policy.clone()];
        self.step(
            &format!("vault.secret-path/{env}"),
            Operation::VaultSecretPath { path: path.clone() },
            &[],
        )?;
        self.step(
            &policy,
            Operation::VaultPolicy {
                policy: name.clone(),
                path,
            },
            &[],
        )?;
        let pods = Operation::VaultKubernetesRole {
            role: name.clone(),
            policy: name.clone(),
            namespace: space(),
            service_account: KubernetesName::fixed(SERVICE_ACCOUNT),
        };
        self.step(&format!("vault.kubernetes-role/{env}"), pods, &after)?;
        let machines = Operation::VaultAppRole {
            role: name.clone(),
            policy: name,
        };
        self.step(&format!("vault.app-role/{env}"), machines, &after)?;

        let registry = self
            .targets
            .get(Tool::Harbor)?
            .url
            .authority_and_path()
            .to_owned();
        let here = format!("kubernetes.namespace/{env}");
        let after = [here.clone()];
        self.step(
            &here,
            Operation::KubernetesNamespace {
                namespace: space(),
                environment,
            },
            &[],
        )?;
        let quota = Operation::KubernetesQuota {
            namespace: space(),
            environment,
        };
        self.step(&format!("kubernetes.quota/{env}"), quota, &after)?;
        let limits = Operation::KubernetesLimits { namespace: space() };
        self.step(&format!("kubernetes.limits/{env}"), limits, &after)?;
        let network = Operation::KubernetesNetworkPolicy { namespace: space() };
        self.step(&format!("kubernetes.network-policy/{env}"), network, &after)?;
        let account = KubernetesName::fixed(SERVICE_ACCOUNT);
        let account = Operation::KubernetesServiceAccount {
            namespace: space(),
            name: account,
        };
        self.step(&format!("kubernetes.service-account/{env}"), account, &after)?;
        let project = key.project.clone();
        let binding = Operation::KubernetesRoleBinding {
            namespace: space(),
            project,
            environment,
        };
        self.step(&format!("kubernetes.role-binding/{env}"), binding, &after)?;
        let pull = Operation::KubernetesPullSecret {
            namespace: space(),
            name: KubernetesName::fixed(PULL_SECRET),
            registry: host(&registry).to_owned(),
            credential: SecretPath::robot(key),
        };
        self.step(
            &format!("kubernetes.pull-secret/{env}"),
            pull,
            &[here, "harbor.robot".into()],
        )
    }

    /// What a component has in one environment.
    pub(super) fn placement(
        &mut self,
        name: &ComponentName,
        environment: Environment,
    ) -> Result<(), PlanError> {
        let (key, env) = (self.key, environment.slug());
        let repository = RepositoryPath::of(key, name);
        let operation = Operation::GitlabEnvironment {
            repository: repository.clone(),
            environment,
        };
        let project = format!("gitlab.project/{name}");
        self.step(&format!("gitlab.environment/{name}/{env}"), operation, &[project])?;
        let gitlab = self.targets.get(Tool::GitLab)?.url.as_str();
        let argo = self.targets.get(Tool::ArgoCd)?.settings.destination.clone();
        let operation = Operation::ArgoApplication {
            application: KubernetesName::application(key, name, environment),
            project: key.project.clone(),
            repository_url: format!("{gitlab}/{repository}.git"),
            path: format!("deploy/{env}"),
            namespace: KubernetesName::namespace(key, environment),
            destination: argo.unwrap_or_else(|| DEFAULT_DESTINATION.into()),
        };
        // Once the application is there, pods start: the limits, the closed network and the account come first.
        let after = [
            "argocd.project".into(),
            format!("gitlab.files/{name}"),
            format!("gitlab.overlay/{name}/{env}"),
            format!("kubernetes.namespace/{env}"),
            format!("kubernetes.quota/{env}"),
            format!("kubernetes.limits/{env}"),
            format!("kubernetes.network-policy/{env}"),
            format!("kubernetes.service-account/{env}"),
            format!("kubernetes.pull-secret/{env}"),
        ];
        self.step(&format!("argocd.application/{name}/{env}"), operation, &after)
    }

    /// The overlay of an environment that is added to an existing repository.
    pub(super) fn overlay(
        &mut self,
        spec: &ComponentSpec,
        environment: Environment,
    ) -> Result<(), PlanError> {
        let operation = Operation::GitlabFiles {
            repository: RepositoryPath::of(self.key, &spec.name),
            template: spec.template.clone(),
            values: Box::new(self.values(&spec.name, &EnvironmentSet::only(environment))?),
            only: Some(environment),
        };
        self.step(
            &format!("gitlab.overlay/{}/{}", spec.name, environment.slug()),
            operation,
            &[],
        )
    }

    fn values(
        &self,
        component: &ComponentName,
        environments: &EnvironmentSet,
    ) -> Result<ComponentValues, PlanError> {
        Ok(ComponentValues {
            project: self.key.project.clone(),
            service: self.key.service.clone(),
            component: component.clone(),
            environments: environments.clone(),
            image: self.image(component)?,
            quality_key: QualityKey::of(self.key, component),
            sonarqube_url: self.targets.get(Tool::SonarQube)?.url.as_str().to_owned(),
            opstella_url: self.targets.public_url.clone(),
        })
    }

    pub(super) fn deploy_wait_minutes(&self) -> u32 {
        self.targets.deploy_wait_minutes
    }

    pub(super) fn image(&self, component: &ComponentName) -> Result<String, PlanError> {
        self.targets.image(self.key, component)
    }

    fn variables(&self, component: &ComponentName) -> Result<Vec<CiVariable>, PlanError> {
        let harbor = host(self.targets.get(Tool::Harbor)?.url.authority_and_path()).to_owned();
        let sonar = self.targets.get(Tool::SonarQube)?.url.as_str().to_owned();
        let (robot, token) = (
            SecretPath::robot(self.key),
            SecretPath::analysis_token(self.key, component),
        );
        let plain = |key: &str, value: String| CiVariable {
            key: key.into(),
            value: VariableValue::Plain(value),
        };
        let secret = |key: &str, path: &SecretPath, field: &str| CiVariable {
            key: key.into(),
            value: VariableValue::Secret {
                path: path.clone(),
                field: field.into(),
            },
        };
        Ok(vec![
            plain("OPSTELLA_URL", self.targets.public_url.clone()),
            plain("OPSTELLA_REGISTRY", harbor),
            plain("OPSTELLA_IMAGE", self.image(component)?),
            secret("OPSTELLA_REGISTRY_USER", &robot, "username"),
            secret("OPSTELLA_REGISTRY_PASSWORD", &robot, "password"),
            plain("SONAR_HOST_URL", sonar),
            secret("SONAR_TOKEN", &token, "token"),
        ])
    }
}

/// The repositories of a project: all in its group, which is at this URL.
pub(super) fn source_repositories(group: &str) -> String {
    format!("{group}/*")
}

/// An image name starts with host and port; a registry has no path.
pub(super) fn host(authority_and_path: &str) -> &str {
    authority_and_path.split('/').next().unwrap_or(authority_and_path)
}

fn step_id(name: &str) -> Result<StepId, PlanError> {
    Ok(name.parse()?)
}
