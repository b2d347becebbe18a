//! What an event concerns, for readers and receivers who may not see everything, or want not to.

use opstella_domain::evidence::{Artifact, ArtifactKey};
use opstella_domain::policy::{Policy, PolicyKey};
use opstella_domain::project::Project;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Release, ReleaseKey};
use opstella_domain::run::Run;
use opstella_domain::service::Service;
use opstella_domain::subscription::{Subscription, SubscriptionKey};
use opstella_domain::{Decide, Environment, ProjectSlug, ServiceKey, ServiceName};
use opstella_journal::{Journal, JournalError, RecordedEvent};

/// What an event concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concern {
    /// The project. None: it is for those who oversee the platform.
    pub project: Option<ProjectSlug>,
    /// The service.
    pub service: Option<ServiceName>,
    /// The environment.
    pub environment: Option<Environment>,
}

impl Concern {
    fn service(key: ServiceKey) -> Self {
        Self {
            project: Some(key.project),
            service: Some(key.service),
            environment: None,
        }
    }

    fn environment(key: ServiceKey, environment: Option<Environment>) -> Self {
        Self {
            environment,
            ..Self::service(key)
        }
    }
}

/// What an event concerns. An aggregate that is not known here is of no project, so that nothing gets out by being
/// forgotten.
///
/// # Errors
/// Where the run of an event cannot be loaded.
pub async fn concern_of(journal: &Journal, event: &RecordedEvent) -> Result<Concern, JournalError> {
    let id = event.aggregate_id.as_str();
    let found = match event.aggregate_type.as_str() {
        <Project as Decide>::TYPE => id.parse().ok().map(|project| Concern {
            project: Some(project),
            ..Concern::default()
        }),
        <Service as Decide>::TYPE => id.parse().ok().map(Concern::service),
        <Release as Decide>::TYPE => id
            .parse()
            .ok()
            .map(|key: ReleaseKey| Concern::service(key.service)),
        <Artifact as Decide>::TYPE => id
            .parse()
            .ok()
            .map(|key: ArtifactKey| Concern::service(key.service)),
        <ServiceEnvironment as Decide>::TYPE => id
            .parse()
            .ok()
            .map(|key: EnvironmentKey| Concern::environment(key.service, Some(key.environment))),
        <Policy as Decide>::TYPE => id.parse().ok().map(|key: PolicyKey| Concern {
            project: key.project,
            service: None,
            environment: Some(key.environment),
        }),
        <Subscription as Decide>::TYPE => id.parse().ok().map(|key: SubscriptionKey| Concern {
            project: key.project,
            ..Concern::default()
        }),
        <Run as Decide>::TYPE => {
            let run = journal.load::<Run>(id).await?;
            let service = run.state.service.clone();
            service.map(|service| Concern::environment(service, run.state.environment))
        }
        _ => None,
    };
    Ok(found.unwrap_or_default())
}
