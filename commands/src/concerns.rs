//! Which project an event concerns, for readers and receivers who may not know of all of them.

use opstella_domain::evidence::{Artifact, ArtifactKey};
use opstella_domain::policy::{Policy, PolicyKey};
use opstella_domain::project::Project;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Release, ReleaseKey};
use opstella_domain::run::Run;
use opstella_domain::service::Service;
use opstella_domain::subscription::{Subscription, SubscriptionKey};
use opstella_domain::{Decide, ProjectSlug, ServiceKey};
use opstella_journal::{Journal, JournalError, RecordedEvent};

/// The project that an event concerns. None: it is for those who oversee the platform. An aggregate that is not known here
/// is of no project, so that nothing gets out by being forgotten.
///
/// # Errors
/// Where the run of an event cannot be loaded.
pub async fn project_of(
    journal: &Journal,
    event: &RecordedEvent,
) -> Result<Option<ProjectSlug>, JournalError> {
    let id = event.aggregate_id.as_str();
    Ok(match event.aggregate_type.as_str() {
        <Project as Decide>::TYPE => id.parse().ok(),
        <Service as Decide>::TYPE => id.parse::<ServiceKey>().ok().map(|key| key.project),
        <Release as Decide>::TYPE => id.parse::<ReleaseKey>().ok().map(|key| key.service.project),
        <Artifact as Decide>::TYPE => id.parse::<ArtifactKey>().ok().map(|key| key.service.project),
        <ServiceEnvironment as Decide>::TYPE => {
            id.parse::<EnvironmentKey>().ok().map(|key| key.service.project)
        }
        <Policy as Decide>::TYPE => id.parse::<PolicyKey>().ok().and_then(|key| key.project),
        <Subscription as Decide>::TYPE => id.parse::<SubscriptionKey>().ok().and_then(|key| key.project),
        <Run as Decide>::TYPE => {
            let run = journal.load::<Run>(id).await?;
            run.state.service.as_ref().map(|service| service.project.clone())
        }
        _ => None,
    })
}
