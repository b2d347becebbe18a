//! Whether an application is well-formed, and within what its project permits.

use globset::GlobBuilder;
use serde_json::{Value, json};

use super::problem::Problem;
use super::store::{Store, project_of};
use super::text;

fn matches(pattern: &str, value: &str) -> bool {
    let glob = GlobBuilder::new(pattern).literal_separator(false).build();
    pattern == value || glob.is_ok_and(|g| g.compile_matcher().is_match(value))
}

/// Names are those of Kubernetes objects: an RFC 1123 subdomain.
pub(super) fn name(resource: &str, name: &str) -> Result<(), Problem> {
    let label = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "{resource}.argoproj.io \"{name}\" is invalid: metadata.name: Invalid value: \"{name}\": a lowercase \
         RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
    )))
}

/// Sets what Argo CD's normalisation sets.
pub(super) fn normalise(application: &mut Value) {
    let project = project_of(application).to_owned();
    if let Some(spec) = application.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("project".to_owned(), json!(project));
    }
}

/// All of an application's sources.
fn sources(application: &Value) -> Vec<&Value> {
    let several = application.pointer("/spec/sources").and_then(Value::as_array);
    match several {
        Some(sources) if !sources.is_empty() => sources.iter().collect(),
        _ => application.pointer("/spec/source").into_iter().collect(),
    }
}

/// Refuses an application that Argo CD refuses to create or update.
pub(super) fn application(store: &Store, application: &Value) -> Result<(), Problem> {
    let name = text(application, "/metadata/name");
    let project_name = project_of(application);
    // Whether a project exists is not told apart from whether it may be used.
    let project = store.projects.get(project_name).ok_or_else(|| {
        Problem::invalid(format!(
            "app is not allowed in project \"{project_name}\", or the project does not exist"
        ))
    })?;
    let invalid = |why: String| {
        Problem::invalid(format!(
            "application spec for {name} is invalid: InvalidSpecError: {why}"
        ))
    };
    let sources = sources(application);
    if sources.iter().all(|s| text(s, "/repoURL").is_empty()) {
        return Err(invalid(
            "spec.source.repoURL and either spec.source.path or spec.source.chart are required".into(),
        ));
    }
    for source in &sources {
        let url = text(source, "/repoURL");
        let repos = project.pointer("/spec/sourceRepos").and_then(Value::as_array);
        let permitted = repos
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|r| matches(r, url));
        if !permitted {
            return Err(invalid(format!(
                "application repo {url} is not permitted in project '{project_name}'"
            )));
        }
        if ["/path", "/chart", "/ref"]
            .iter()
            .all(|field| text(source, field).is_empty())
        {
            return Err(invalid(
                "spec.source.repoURL and either spec.source.path or spec.source.chart are required".into(),
            ));
        }
    }
    let destination = application
        .pointer("/spec/destination")
        .cloned()
        .unwrap_or_default();
    let (server, cluster) = (text(&destination, "/server"), text(&destination, "/name"));
    let namespace = text(&destination, "/namespace");
    if server.is_empty() && cluster.is_empty() {
        return Err(invalid("Destination server missing from app spec".into()));
    }
    if !server.is_empty() && !cluster.is_empty() {
        return Err(invalid(format!(
            "application destination can't have both name and server defined: {cluster} {server}"
        )));
    }
    let permitted = project.pointer("/spec/destinations").and_then(Value::as_array);
    let permitted = permitted.into_iter().flatten().any(|allowed| {
        let place = if server.is_empty() {
            matches(text(allowed, "/name"), cluster)
        } else {
            matches(text(allowed, "/server"), server)
        };
        place && matches(text(allowed, "/namespace"), namespace)
    });
    if !permitted {
        let place = if server.is_empty() { cluster } else { server };
        return Err(invalid(format!(
            "application destination server '{place}' and namespace '{namespace}' do not match any of the \
             allowed destinations in project '{project_name}'"
        )));
    }
    Ok(())
}
