//! Repositories, their artifacts and tags. They come into being by [`super::Harbor::push`].

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::paging::{Filter, page};
use super::problem::Problem;
use super::store::{Artifact, Repository, Store};
use super::{Answer, Call, now, projects, str_of};
use crate::Reply;

/// What a push left in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// With the project's name in front.
    pub repository: String,
    /// Digest of the manifest.
    pub digest: String,
}

pub(super) fn push_all(
    store: &mut Store,
    project: &str,
    repository: &str,
    tags: &[String],
    digest: &str,
) -> Option<Pushed> {
    let project = store.project_named(project)?;
    let (project_id, name) = (project.id, format!("{}/{repository}", project.name));
    let scanned = (project.metadata.get("auto_scan").map(String::as_str) == Some("true")).then(now);
    let (repository_id, artifact_id) = (store.next_id(), store.next_id());
    let tags: Vec<(&String, i64)> = tags.iter().map(|tag| (tag, store.next_id())).collect();
    let repository = store
        .repositories
        .entry(name.clone())
        .or_insert_with(|| Repository {
            id: repository_id,
            project: project_id,
            name: name.clone(),
            description: String::new(),
            created: now(),
            updated: now(),
            artifacts: std::collections::BTreeMap::new(),
        });
    for artifact in repository.artifacts.values_mut() {
        artifact
            .tags
            .retain(|tag, _| !tags.iter().any(|(new, _)| *new == tag));
    }
    let artifact = repository
        .artifacts
        .entry(digest.to_owned())
        .or_insert_with(|| Artifact {
            id: artifact_id,
            pushed: now(),
            tags: std::collections::BTreeMap::new(),
            scanned,
            overview: None,
            findings: json!({}),
            config: None,
        });
    for (tag, id) in tags {
        artifact.tags.insert(tag.clone(), (id, now()));
    }
    Some(Pushed {
        repository: name,
        digest: digest.to_owned(),
    })
}

/// The configuration that an artifact's manifest names.
pub(super) fn configured(store: &mut Store, pushed: &Pushed, config: &str) {
    let repository = store.repositories.get_mut(&pushed.repository);
    if let Some(artifact) = repository.and_then(|r| r.artifacts.get_mut(&pushed.digest)) {
        artifact.config = Some(config.to_owned());
    }
}

/// The scanner's report of an artifact, instead of the one that finds nothing.
pub(super) fn scanned(store: &mut Store, pushed: &Pushed, overview: Value) {
    let repository = store.repositories.get_mut(&pushed.repository);
    if let Some(artifact) = repository.and_then(|r| r.artifacts.get_mut(&pushed.digest)) {
        artifact.scanned.get_or_insert_with(now);
        artifact.overview = Some(overview);
    }
}

/// What the scanner found in an artifact, by media type.
pub(super) fn found(store: &mut Store, pushed: &Pushed, reports: Value) {
    let repository = store.repositories.get_mut(&pushed.repository);
    if let Some(artifact) = repository.and_then(|r| r.artifacts.get_mut(&pushed.digest)) {
        artifact.findings = reports;
    }
}

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    let [project, kind, rest @ ..] = path else {
        return Err(Problem::no_route());
    };
    let project = projects::find(call, project)?;
    let (project_id, project) = (project.id, project.name.clone());
    if *kind == "artifacts" {
        call.require(Some(&project), "artifact", "list")?;
        let items = call
            .store
            .repositories
            .values()
            .filter(|r| r.project == project_id);
        let items = items.flat_map(|r| r.artifacts.iter().map(|(d, a)| render_artifact(call, r, d, a)));
        return page(call, items.collect());
    }
    let method = call.request.method.clone();
    let resource = match rest {
        [] | [_] => "repository",
        [_, _, _, "additions", ..] => "artifact-addition",
        [_, _, _, _, _, ..] => "tag",
        _ => "artifact",
    };
    let action = match method {
        Method::GET if [0, 2].contains(&rest.len()) => "list",
        Method::GET => "read",
        Method::POST => "create",
        Method::PUT => "update",
        _ => "delete",
    };
    call.require(Some(&project), resource, action)?;
    let Some((name, rest)) = rest.split_first() else {
        return list(call, project_id);
    };
    // Clients encode the slashes of a repository's name twice, because proxies decode once.
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let full = format!("{project}/{name}");
    let Some(repository) = call.store.repositories.get(&full) else {
        return Err(Problem::not_found(format!("repository {full} not found")));
    };
    match (method, rest) {
        (Method::GET, []) => Ok(Reply::json(StatusCode::OK, &render(repository))),
        (Method::PUT, []) => {
            let body = call.body()?;
            if let Some(repository) = call.store.repositories.get_mut(&full) {
                repository.description = str_of(&body, "description").unwrap_or_default().to_owned();
                repository.updated = now();
            }
            Ok(Reply::empty(StatusCode::OK))
        }
        (Method::DELETE, []) => {
            call.store.repositories.remove(&full);
            Ok(Reply::empty(StatusCode::OK))
        }
        (Method::GET, ["artifacts"]) => {
            let filter = Filter::of(call.request)?;
            let items = repository
                .artifacts
                .iter()
                .filter(|(digest, artifact)| {
                    let tags: Vec<&str> = artifact.tags.keys().map(String::as_str).collect();
                    filter.passes("digest", &[digest.as_str()]) && filter.passes("tags", &tags)
                })
                .map(|(digest, artifact)| render_artifact(call, repository, digest, artifact))
                .collect();
            page(call, items)
        }
        (_, ["artifacts", reference, rest @ ..]) => artifact(call, &full, reference, rest),
        _ => Err(Problem::no_route()),
    }
}

fn list(call: &Call<'_>, project: i64) -> Answer {
    let filter = Filter::of(call.request)?;
    let items = call
        .store
        .repositories
        .values()
        .filter(|r| r.project == project && filter.passes("name", &[&r.name]))
        .map(render)
        .collect();
    page(call, items)
}

fn artifact(call: &mut Call<'_>, repository: &str, reference: &str, path: &[&str]) -> Answer {
    let missing = || Problem::not_found(format!("artifact {repository}:{reference} not found"));
    let body = if call.request.method == Method::POST {
        call.body().unwrap_or_default()
    } else {
        json!({})
    };
    let found = call.store.repositories.get(repository).ok_or_else(missing)?;
    let digest = found
        .artifacts
        .iter()
        .find(|(digest, artifact)| *digest == reference || artifact.tags.contains_key(reference))
        .map(|(digest, _)| digest.clone())
        .ok_or_else(missing)?;
    let artifact = found.artifacts.get(&digest).ok_or_else(missing)?;
    match (call.request.method.clone(), path) {
        (Method::GET, []) => {
            return Ok(Reply::json(
                StatusCode::OK,
                &render_artifact(call, found, &digest, artifact),
            ));
        }
        (Method::GET, ["tags"]) => return page(call, render_tags(found, artifact)),
        (Method::GET, ["additions", "vulnerabilities"]) => {
            return Ok(Reply::json(StatusCode::OK, &artifact.findings));
        }
        _ => {}
    }
    let id = call.store.next_id();
    let location = call.location(call.request.path.strip_prefix("/api/v2.0").unwrap_or_default());
    let repository = call.store.repositories.get_mut(repository).ok_or_else(missing)?;
    match (call.request.method.clone(), path) {
        (Method::DELETE, []) => {
            repository.artifacts.remove(&digest);
            Ok(Reply::empty(StatusCode::OK))
        }
        (Method::POST, ["scan"]) => {
            let artifact = repository.artifacts.get_mut(&digest).ok_or_else(missing)?;
            artifact.scanned = Some(now());
            Ok(Reply::empty(StatusCode::ACCEPTED))
        }
        (Method::POST, ["tags"]) => {
            let name = str_of(&body, "name").unwrap_or_default();
            if name.is_empty() {
                return Err(Problem::bad_request("the tag needs a name"));
            }
            if repository.artifacts.values().any(|a| a.tags.contains_key(name)) {
                return Err(Problem::conflict(format!("tag {name} already exists")));
            }
            let artifact = repository.artifacts.get_mut(&digest).ok_or_else(missing)?;
            artifact.tags.insert(name.to_owned(), (id, now()));
            let location = format!("{location}/{name}");
            Ok(Reply::empty(StatusCode::CREATED).with_header(header::LOCATION, &location))
        }
        (Method::DELETE, ["tags", name]) => {
            let artifact = repository.artifacts.get_mut(&digest).ok_or_else(missing)?;
            match artifact.tags.remove(*name) {
                Some(_) => Ok(Reply::empty(StatusCode::OK)),
                None => Err(Problem::not_found(format!("tag {name} not found"))),
            }
        }
        _ => Err(Problem::no_route()),
    }
}

fn render(repository: &Repository) -> Value {
    json!({ "id": repository.id, "project_id": repository.project, "name": repository.name,
            "description": repository.description, "artifact_count": repository.artifacts.len(),
            "pull_count": 0, "creation_time": repository.created, "update_time": repository.updated })
}

fn render_tags(repository: &Repository, artifact: &Artifact) -> Vec<Value> {
    let render = |(name, (id, pushed)): (&String, &(i64, String))| {
        json!({ "id": id, "repository_id": repository.id, "artifact_id": artifact.id, "name": name,
                "push_time": pushed, "pull_time": "0001-01-01T00:00:00.000Z", "immutable": false })
    };
    artifact.tags.iter().map(render).collect()
}

fn render_artifact(call: &Call<'_>, repository: &Repository, digest: &str, artifact: &Artifact) -> Value {
    let asks = |name| call.request.query_value(name) == Some("true");
    let mut out = json!({
        "id": artifact.id, "type": "IMAGE", "digest": digest, "size": 4096,
        "media_type": "application/vnd.oci.image.config.v1+json",
        "manifest_media_type": "application/vnd.oci.image.manifest.v1+json",
        "artifact_type": "application/vnd.oci.image.config.v1+json",
        "project_id": repository.project, "repository_id": repository.id,
        "repository_name": repository.name, "push_time": artifact.pushed,
        "pull_time": "0001-01-01T00:00:00.000Z", "icon": "", "labels": [], "references": [],
    });
    if let Some(fields) = out.as_object_mut() {
        if call.request.query_value("with_tag") != Some("false") {
            fields.insert("tags".to_owned(), Value::Array(render_tags(repository, artifact)));
        }
        if let Some(time) = artifact.scanned.as_ref().filter(|_| asks("with_scan_overview")) {
            let report = json!({
                "report_id": uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, digest.as_bytes()).to_string(),
                "scan_status": "Success", "severity": "None", "duration": 1, "complete_percent": 100,
                "summary": { "total": 0, "fixable": 0, "summary": {} }, "start_time": time, "end_time": time,
                "scanner": { "name": "Trivy", "vendor": "Aqua Security", "version": "sandbox" },
            });
            let kind = "application/vnd.security.vulnerability.report; version=1.1";
            let overview = artifact
                .overview
                .clone()
                .unwrap_or_else(|| json!({ kind: report }));
            fields.insert("scan_overview".to_owned(), overview);
        }
    }
    out
}
