//! Kubernetes: a namespace for each environment of a service, and in it quota, limits, closed network, the account of
//! the workloads, the rights of the project's people, and the image pull secret; and whether a component answers.
//!
//! Every object carries its mark from the call that makes it: labels and an annotation. Changes are merge patches of
//! our own fields; what a team adds to our objects stays. Their names are fixed, so that two runs meet in one object.
//!
//! The API server's certificate is checked against the system's trust store (`SSL_CERT_FILE`).

mod account;
mod binding;
mod client;
mod drift;
mod ensure;
mod health;
mod limits;
mod marks;
mod namespace;
mod network;
mod objects;
mod place;
mod pull_secret;
mod quota;
mod refusal;
mod remove;
mod smoke;

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use opstella_domain::Tool;
use opstella_domain::operation::Operation;
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::tool_connection::Connection;
use secrecy::SecretString;

use crate::{Health, Removed, StepContext, StepError, ToolAdapter};
use place::Place;

const TOOL: &str = "Kubernetes";
/// Who we are to the cluster: in the label that says who manages an object, and as the manager of its fields.
const MANAGER: &str = "opstella";
/// How long a removal waits for finalizers before it leaves the rest to the next attempt.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connected cluster. Cheap to clone.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
    patience: Duration,
}

impl Kubernetes {
    /// The adapter of a connection; the credential is a bearer token, of a service account for example. To be called
    /// inside a Tokio runtime.
    ///
    /// # Errors
    /// [`StepError::Unauthorised`] where the credential is no token, [`StepError::Permanent`] where no HTTP client can
    /// be made.
    pub fn connect(connection: &Connection, credential: SecretString) -> Result<Self, StepError> {
        Ok(Self {
            client: client::client(connection, &credential)?,
            patience: PATIENCE,
        })
    }

    /// Waits so long, instead of 20 seconds, for what is deleted to be gone, before the removal is tried again later.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// What a kind is called in messages and outcomes, as `kubectl` takes it: `resourcequota`.
fn kind<K: kube::Resource<DynamicType = ()>>() -> String {
    K::kind(&()).to_lowercase()
}

/// What a step reports. Kubernetes has no page of its own.
fn outcome(kind: &str, place: &Place<'_>, provenance: Provenance) -> StepOutcome {
    StepOutcome {
        resource: ExternalResource {
            tool: Tool::Kubernetes,
            kind: kind.to_owned(),
            name: place.to_string(),
            url: None,
        },
        provenance,
        commit: None,
    }
}

fn not_ours(operation: &Operation) -> StepError {
    StepError::Permanent {
        message: format!(
            "an operation of {} was sent to the Kubernetes adapter",
            operation.tool()
        ),
    }
}

/// Where the object of an operation is.
fn place(operation: &Operation) -> Result<Place<'_>, StepError> {
    Ok(match operation {
        Operation::KubernetesNamespace { namespace, .. } => Place::cluster(namespace.as_str()),
        Operation::KubernetesQuota { namespace, .. } => Place::within(namespace.as_str(), quota::NAME),
        Operation::KubernetesLimits { namespace } => Place::within(namespace.as_str(), limits::NAME),
        Operation::KubernetesNetworkPolicy { namespace } => Place::within(namespace.as_str(), network::NAME),
        Operation::KubernetesRoleBinding { namespace, .. } => {
            Place::within(namespace.as_str(), binding::NAME)
        }
        Operation::KubernetesServiceAccount { namespace, name }
        | Operation::KubernetesPullSecret { namespace, name, .. } => {
            Place::within(namespace.as_str(), name.as_str())
        }
        _ => return Err(not_ours(operation)),
    })
}

#[async_trait]
impl ToolAdapter for Kubernetes {
    fn tool(&self) -> Tool {
        Tool::Kubernetes
    }

    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError> {
        if let Some(check) = smoke::Check::of(operation) {
            return self.ensure_answers(check).await;
        }
        let at = place(operation)?;
        match operation {
            Operation::KubernetesNamespace { environment, .. } => {
                self.ensure_object(namespace::of(*environment), &at, context)
                    .await
            }
            Operation::KubernetesQuota { environment, .. } => {
                self.ensure_object(quota::of(*environment), &at, context).await
            }
            Operation::KubernetesLimits { .. } => self.ensure_object(limits::all(), &at, context).await,
            Operation::KubernetesNetworkPolicy { .. } => {
                self.ensure_object(network::closed(), &at, context).await
            }
            Operation::KubernetesServiceAccount { .. } => {
                self.ensure_object(account::of_workloads(), &at, context).await
            }
            Operation::KubernetesRoleBinding {
                project, environment, ..
            } => {
                self.ensure_object(binding::of(project, *environment), &at, context)
                    .await
            }
            Operation::KubernetesPullSecret {
                registry, credential, ..
            } => {
                let secret = pull_secret::of(registry, credential, &at, context).await?;
                self.ensure_object(secret, &at, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        if smoke::Check::of(operation).is_some() {
            // It was only looked at.
            return Ok(Removed::Kept);
        }
        let at = place(operation)?;
        match operation {
            Operation::KubernetesNamespace { .. } => self.remove_object::<Namespace>(&at, context).await,
            Operation::KubernetesQuota { .. } => self.remove_object::<ResourceQuota>(&at, context).await,
            Operation::KubernetesLimits { .. } => self.remove_object::<LimitRange>(&at, context).await,
            Operation::KubernetesNetworkPolicy { .. } => {
                self.remove_object::<NetworkPolicy>(&at, context).await
            }
            Operation::KubernetesServiceAccount { .. } => {
                self.remove_object::<ServiceAccount>(&at, context).await
            }
            Operation::KubernetesRoleBinding { .. } => self.remove_object::<RoleBinding>(&at, context).await,
            Operation::KubernetesPullSecret { .. } => self.remove_object::<Secret>(&at, context).await,
            _ => Err(not_ours(operation)),
        }
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.check_health().await
    }
}
