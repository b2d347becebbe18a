//! What the services of a project share, as a step that needs it can make it again.

use super::steps::source_repositories;
use crate::naming::KubernetesName;
use crate::operation::Operation;

/// The operation that makes the AppProject of an application: the one that the application's own plan has for it. None
/// of another operation. A run that unwinds may have deleted the project since this run found it.
pub fn project_of_application(operation: &Operation) -> Option<Operation> {
    let Operation::ArgoApplication {
        project,
        repository_url,
        destination,
        ..
    } = operation
    else {
        return None;
    };
    let (group, _) = repository_url.rsplit_once('/')?;
    Some(Operation::ArgoProject {
        project: project.clone(),
        source_repositories: source_repositories(group),
        namespaces: KubernetesName::namespace_pattern(project),
        destination: destination.clone(),
    })
}
