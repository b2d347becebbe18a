//! The Application of a component in an environment: its folder of the repository, synced to its namespace when asked.

use opstella_domain::operation::Operation;
use serde_json::{Value, json};

use super::client::Place;
use super::ensure::Wanted;
use super::object::{Object, Ownership, metadata};
use crate::StepContext;
use crate::mark::Mark;

/// Deleting the application deletes its workloads.
const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";
/// The namespace is a step of its own, with quota, limits and a closed network.
const NO_NAMESPACE: &str = "CreateNamespace=false";
const ANY_NAMESPACE: &str = "CreateNamespace=true";

pub(super) fn wanted<'a>(operation: &'a Operation, context: &StepContext) -> Option<Wanted<'a>> {
    let Operation::ArgoApplication {
        application,
        project,
        repository_url,
        path,
        namespace,
        destination,
    } = operation
    else {
        return None;
    };
    let mark = Mark::service(&context.owner);
    let deployed = json!({
        "project": project,
        "source": { "repoURL": repository_url, "path": path, "targetRevision": "HEAD" },
        "destination": { "server": destination, "namespace": namespace },
    });
    // Opstella asks for every sync, so that nothing is deployed that did not pass its gates, and what people deploy by
    // hand is drift that is shown, not healed behind their backs. Argo CD before 3.1 does not know `automated.enabled`
    // and would sync by itself whatever it says: only no `automated` at all is manual in every version.
    let synced = json!({
        "syncOptions": [NO_NAMESPACE],
        "retry": { "limit": 5, "backoff": { "duration": "5s", "factor": 2, "maxDuration": "3m" } },
    });
    let mut spec = deployed.clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.insert("syncPolicy".into(), synced);
    }
    let ours = json!({ "metadata": { "finalizers": [CASCADE] }, "spec": spec });
    let mut new = ours.clone();
    super::merge::merge(
        &mut new,
        &json!({ "metadata": metadata(application.as_str(), &mark) }),
    );
    Some(Wanted {
        place: Place::Application {
            name: application.as_str(),
            project: project.as_str(),
        },
        new,
        ours,
        // When to sync, and what becomes of the workloads of one that was there, stays its owner's choice.
        adopted: json!({ "spec": deployed }),
        tidy,
        mark,
    })
}

/// Takes away what Argo CD would put before our source and destination, or refuse beside them; of one of ours also that
/// it is synced without being asked.
fn tidy(there: &mut Object, ownership: &Ownership) {
    let Some(spec) = there.spec() else {
        return;
    };
    for instead_of_source in ["sources", "sourceHydrator"] {
        spec.remove(instead_of_source);
    }
    if let Some(source) = spec.get_mut("source").and_then(Value::as_object_mut) {
        source.remove("chart");
    }
    if let Some(destination) = spec.get_mut("destination").and_then(Value::as_object_mut) {
        destination.remove("name");
    }
    let Some(policy) = spec.get_mut("syncPolicy").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(options) = policy.get_mut("syncOptions").and_then(Value::as_array_mut) {
        options.retain(|option| option != ANY_NAMESPACE);
    }
    if matches!(ownership, Ownership::Ours(_)) {
        policy.remove("automated");
    }
}
