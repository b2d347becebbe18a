//! The plan of the saga that carries a release into an environment of a service, or back to an earlier one.
//!
//! Every check comes before every change, every tag before every commit, every commit before every sync: all components
//! go, or none. Unwinding takes
//! the same way back: it ends with [`Operation::ArgoHold`], which brings the environment back to what it ran before.

use super::steps::Draft;
use super::{Plan, PlanError, Targets};
use crate::naming::{KubernetesName, RegistryProject, RepositoryPath};
use crate::operation::Operation;
use crate::release::{Digest, ReleaseVersion};
use crate::{ComponentName, Environment, ServiceKey, Tool};

/// Where components of the golden path say that they work.
pub const HEALTH_PATH: &str = "/healthz";

/// The image of one component that is carried into an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedImage {
    /// Of which component.
    pub component: ComponentName,
    /// Which image.
    pub digest: Digest,
    /// The one that the environment runs before; none where it runs none of ours yet.
    pub previous: Option<Digest>,
    /// Whether that one is ill.
    pub was_ill: bool,
}

/// Carries the images of a release into an environment.
///
/// # Errors
/// [`PlanError`] where a tool is not connected, or there is no image.
pub fn plan_promote(
    key: &ServiceKey,
    environment: Environment,
    release: &ReleaseVersion,
    images: &[CarriedImage],
    targets: &Targets,
) -> Result<Plan, PlanError> {
    // Secrets of the tools' credentials are kept there; without it no adapter works.
    targets.get(Tool::Vault)?;
    let mut draft = Draft::new(key, targets);
    let named =
        |step: &str| -> Vec<String> { images.iter().map(|i| format!("{step}/{}", i.component)).collect() };
    let checks: Vec<String> = [named("harbor.artifact"), named("argocd.hold")].concat();
    let (tags, commits) = (named("harbor.tag"), named("gitlab.image"));
    for carried in images {
        draft.carry(environment, release, carried, [&checks, &tags, &commits])?;
    }
    draft.finish()
}

impl Draft<'_> {
    fn carry(
        &mut self,
        environment: Environment,
        release: &ReleaseVersion,
        carried: &CarriedImage,
        [checks, tags, commits]: [&[String]; 3],
    ) -> Result<(), PlanError> {
        let (key, name) = (self.key(), &carried.component);
        let application = KubernetesName::application(key, name, environment);
        let (project, registry) = (key.project.clone(), RegistryProject::of(key));
        let (digest, previous) = (&carried.digest, &carried.previous);
        let image = self.image(name)?;
        let wait_minutes = self.deploy_wait_minutes();
        let step = |what: &str| format!("{what}/{name}");
        let look = Operation::HarborArtifact {
            project: registry.clone(),
            repository: name.clone(),
            digest: digest.clone(),
        };
        let hold = Operation::ArgoHold {
            application: application.clone(),
            project: project.clone(),
            image: image.clone(),
            previous: previous.clone(),
            was_ill: carried.was_ill,
            wait_minutes,
        };
        let tag = Operation::HarborEnvironmentTag {
            project: registry,
            repository: name.clone(),
            digest: digest.clone(),
            environment,
            previous: previous.clone(),
        };
        let commit = Operation::GitlabImage {
            repository: RepositoryPath::of(key, name),
            environment,
            image: image.clone(),
            digest: digest.clone(),
            previous: previous.clone(),
            release: release.clone(),
        };
        let sync = Operation::ArgoSync {
            application: application.clone(),
            project: project.clone(),
            image: image.clone(),
            digest: digest.clone(),
        };
        let healthy = Operation::ArgoHealthy {
            application,
            project,
            image,
            digest: digest.clone(),
            wait_minutes,
        };
        let smoke = Operation::KubernetesSmoke {
            namespace: KubernetesName::namespace(key, environment),
            service: KubernetesName::component(name),
            path: HEALTH_PATH.to_owned(),
        };
        self.step(&step("harbor.artifact"), look, &[])?;
        self.step(&step("argocd.hold"), hold, &[])?;
        self.step(&step("harbor.tag"), tag, checks)?;
        self.step(&step("gitlab.image"), commit, tags)?;
        self.step(&step("argocd.sync"), sync, commits)?;
        self.step(&step("argocd.healthy"), healthy, &[step("argocd.sync")])?;
        self.step(&step("kubernetes.smoke"), smoke, &[step("argocd.healthy")])
    }
}
