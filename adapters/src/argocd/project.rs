//! The AppProject of a project: what its services may deploy, from where to where.

use opstella_domain::ProjectSlug;
use opstella_domain::operation::Operation;
use serde_json::json;

use super::ArgoCd;
use super::client::Place;
use super::ensure::Wanted;
use super::object::metadata;
use crate::mark::Mark;
use crate::{Removal, Removed, StepContext, StepError};

pub(super) fn wanted<'a>(operation: &'a Operation, context: &StepContext) -> Option<Wanted<'a>> {
    let Operation::ArgoProject {
        project,
        source_repositories,
        namespaces,
        destination,
    } = operation
    else {
        return None;
    };
    let mark = Mark::project(&context.owner);
    // What the next steps' applications need; an adopted project gets this and keeps its owner's restrictions.
    let permitted = json!({
        "sourceRepos": [source_repositories], "destinations": [{ "server": destination, "namespace": namespaces }],
    });
    // The platform sets quota and limits of a namespace; a repository must not lift them.
    let restricted = json!([{ "group": "", "kind": "ResourceQuota" }, { "group": "", "kind": "LimitRange" }]);
    let mut spec = permitted.clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.insert("clusterResourceWhitelist".into(), json!([]));
        fields.insert("namespaceResourceBlacklist".into(), restricted);
    }
    let ours = json!({ "spec": spec });
    if let Some(fields) = spec.as_object_mut() {
        fields.insert("description".into(), json!(mark.line()));
    }
    Some(Wanted {
        place: Place::Project(project.as_str()),
        new: json!({ "metadata": metadata(project.as_str(), &mark), "spec": spec }),
        ours,
        adopted: json!({ "spec": permitted }),
        tidy: |_, _| {},
        mark,
    })
}

impl ArgoCd {
    /// Deletes the project if this run made it and no application is in it.
    pub(super) async fn remove_project(
        &self,
        project: &ProjectSlug,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let place = Place::Project(project.as_str());
        let Some(there) = self.read(place).await? else {
            return Ok(Removed::Absent);
        };
        let ownership = there.ownership(&Mark::project(&context.owner));
        // Other services of the project go on with it.
        if context.removal == Removal::Service || !ownership.allows(context) {
            self.give_back(place, there, &ownership, context).await?;
            return Ok(Removed::Kept);
        }
        self.delete_unused_project(project).await
    }
}
