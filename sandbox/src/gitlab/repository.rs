//! `/projects/:id/repository`: commits, files and trees.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Call;
use super::answers::{Answer, Refusal, created, no_content, ok};
use super::commit_changes::{Action, Change, Kind, commit, digest};
use super::paging::page;
use super::world::{Commit, File, Project};
use crate::Reply;

pub(crate) fn route(project: &mut Project, call: &Call<'_>, rest: &[&str], id: u64) -> Answer {
    match (call.method(), rest) {
        ("GET", ["commits"]) => commits(project, call),
        ("POST", ["commits"]) => create_commit(project, call, id),
        ("GET", ["commits", reference]) => {
            let found = project
                .resolve(reference)
                .ok_or_else(|| Refusal::not_found("Commit"))?;
            ok(&commit_view(found))
        }
        ("GET", ["tree"]) => tree(project, call),
        ("GET", ["files", path]) => show_file(project, call, path),
        ("GET", ["files", path, "raw"]) => raw_file(project, call, path),
        ("HEAD", ["files", path]) => show_file(project, call, path).map(|reply| Reply {
            body: bytes::Bytes::new(),
            ..reply
        }),
        ("POST", ["files", path]) => change_file(project, call, path, Kind::Create, id),
        ("PUT", ["files", path]) => change_file(project, call, path, Kind::Update, id),
        ("DELETE", ["files", path]) => change_file(project, call, path, Kind::Delete, id),
        _ => Err(Refusal::no_such_route()),
    }
}

fn commits(project: &Project, call: &Call<'_>) -> Answer {
    let reference = call
        .params
        .filled("ref_name")
        .or_else(|| project.default_branch.clone());
    let Some(reference) = reference else {
        return page(call, Vec::new());
    };
    let mut next = Some(
        project
            .resolve(&reference)
            .ok_or_else(|| Refusal::not_found("Tree"))?,
    );
    let path = call.params.filled("path");
    let mut list = Vec::new();
    while let Some(found) = next {
        let parent = found.parent.as_ref().and_then(|sha| project.commits.get(sha));
        let touches = |path: &String| {
            let blob = |c: &Commit| c.tree.get(path).map(|f| f.last_commit.clone());
            blob(found) != parent.and_then(blob)
        };
        if path.as_ref().is_none_or(touches) {
            list.push(commit_view(found));
        }
        next = parent;
    }
    page(call, list)
}

fn create_commit(project: &mut Project, call: &Call<'_>, id: u64) -> Answer {
    let missing: Vec<&str> = ["branch", "commit_message", "actions"]
        .into_iter()
        .filter(|n| !call.params.has(n))
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::missing(&missing));
    }
    let actions = call.params.value("actions").cloned().unwrap_or_default();
    let actions: Vec<Action> = serde_json::from_value(actions).map_err(|_| {
        Refusal::error(
            StatusCode::BAD_REQUEST,
            "actions[0][action] does not have a valid value",
        )
    })?;
    let change = change(call, actions);
    if !valid_branch_name(&change.branch) {
        return Err(Refusal::bad(&format!(
            "The branch name '{}' is invalid",
            change.branch
        )));
    }
    let sha = commit(project, change, id)?;
    let made = project.commits.get(&sha).ok_or_else(Refusal::no_record)?;
    created(&commit_view(made))
}

fn change(call: &Call<'_>, actions: Vec<Action>) -> Change {
    Change {
        branch: call.params.text("branch").unwrap_or_default(),
        start: call
            .params
            .filled("start_branch")
            .or_else(|| call.params.filled("start_sha")),
        force: call.params.flag("force").unwrap_or(false),
        message: call.params.text("commit_message").unwrap_or_default(),
        author_name: call.params.filled("author_name"),
        author_email: call.params.filled("author_email"),
        actions,
    }
}

fn change_file(project: &mut Project, call: &Call<'_>, path: &str, kind: Kind, id: u64) -> Answer {
    let mut needed = vec!["branch", "commit_message"];
    if kind != Kind::Delete {
        needed.push("content");
    }
    needed.retain(|n| !call.params.has(n));
    if !needed.is_empty() {
        return Err(Refusal::missing(&needed));
    }
    let action = Action {
        action: kind,
        file_path: path.to_owned(),
        previous_path: None,
        content: call.params.text("content"),
        encoding: call.params.text("encoding"),
        last_commit_id: call.params.filled("last_commit_id"),
        execute_filemode: call.params.flag("execute_filemode"),
    };
    let change = change(call, vec![action]);
    let branch = change.branch.clone();
    commit(project, change, id)?;
    match kind {
        Kind::Delete => no_content(),
        Kind::Create => created(&json!({"file_path": path, "branch": branch})),
        _ => ok(&json!({"file_path": path, "branch": branch})),
    }
}

/// The commit of `ref` and the file at `path` in it.
fn find_file<'p>(
    project: &'p Project,
    call: &Call<'_>,
    path: &str,
) -> Result<(&'p Commit, &'p File, String), Refusal> {
    let reference = call.params.filled("ref").unwrap_or_else(|| "HEAD".to_owned());
    let at = project
        .resolve(&reference)
        .ok_or_else(|| Refusal::not_found("Commit"))?;
    let file = at.tree.get(path).ok_or_else(|| Refusal::not_found("File"))?;
    Ok((at, file, reference))
}

fn sha256(content: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(content);
    hex::encode(hash.finalize())
}

fn file_headers(mut reply: Reply, at: &Commit, file: &File, path: &str, reference: &str) -> Reply {
    for (name, value) in [
        ("x-gitlab-blob-id", file.blob.as_str()),
        ("x-gitlab-commit-id", &at.sha),
        ("x-gitlab-last-commit-id", &file.last_commit),
        ("x-gitlab-content-sha256", &sha256(&file.content)),
        ("x-gitlab-file-name", path.rsplit('/').next().unwrap_or(path)),
        ("x-gitlab-file-path", path),
        ("x-gitlab-ref", reference),
        ("x-gitlab-size", &file.content.len().to_string()),
        ("x-gitlab-encoding", "base64"),
        (
            "x-gitlab-execute-filemode",
            if file.executable { "true" } else { "false" },
        ),
    ] {
        reply = reply.with_header(HeaderName::from_static(name), value);
    }
    reply
}

fn show_file(project: &Project, call: &Call<'_>, path: &str) -> Answer {
    if call.params.filled("ref").is_none() {
        return Err(Refusal::missing(&["ref"]));
    }
    let (at, file, reference) = find_file(project, call, path)?;
    let body = json!({
        "file_name": path.rsplit('/').next(), "file_path": path, "size": file.content.len(),
        "encoding": "base64", "content": BASE64.encode(&file.content), "content_sha256": sha256(&file.content),
        "ref": reference, "blob_id": file.blob, "commit_id": at.sha, "last_commit_id": file.last_commit,
        "execute_filemode": file.executable,
    });
    Ok(file_headers(
        Reply::json(StatusCode::OK, &body),
        at,
        file,
        path,
        &reference,
    ))
}

fn raw_file(project: &Project, call: &Call<'_>, path: &str) -> Answer {
    let (at, file, reference) = find_file(project, call, path)?;
    let mut reply = Reply::text(StatusCode::OK, "text/plain; charset=utf-8", String::new());
    reply.body = file.content.clone().into();
    Ok(file_headers(reply, at, file, path, &reference))
}

fn tree(project: &Project, call: &Call<'_>) -> Answer {
    let reference = call.params.filled("ref").unwrap_or_else(|| "HEAD".to_owned());
    let at = project
        .resolve(&reference)
        .ok_or_else(|| Refusal::not_found("Tree"))?;
    let below = call
        .params
        .filled("path")
        .map(|p| p.trim_matches('/').to_owned())
        .unwrap_or_default();
    let recursive = call.params.flag("recursive").unwrap_or(false);
    let prefix = if below.is_empty() {
        String::new()
    } else {
        format!("{below}/")
    };
    let mut directories = BTreeSet::new();
    let mut files = Vec::new();
    for (path, file) in at.tree.iter() {
        let Some(inner) = path.strip_prefix(&prefix) else {
            continue;
        };
        for (slash, _) in inner.match_indices('/') {
            if recursive || !inner.get(..slash).unwrap_or_default().contains('/') {
                directories.insert(path.get(..prefix.len() + slash).unwrap_or_default().to_owned());
            }
        }
        if recursive || !inner.contains('/') {
            let mode = if file.executable { "100755" } else { "100644" };
            files.push(entry(&file.blob, path, "blob", mode));
        }
    }
    if directories.is_empty() && files.is_empty() && !below.is_empty() {
        return Err(Refusal::message(
            StatusCode::NOT_FOUND,
            "404 invalid revision or path Not Found",
        ));
    }
    let trees = directories
        .iter()
        .map(|d| entry(&digest(&[&at.sha, d]), d, "tree", "040000"));
    let all: Vec<Value> = trees.chain(files).collect();
    page(call, all)
}

fn entry(id: &str, path: &str, kind: &str, mode: &str) -> Value {
    json!({"id": id, "name": path.rsplit('/').next(), "type": kind, "path": path, "mode": mode})
}

pub(crate) fn commit_view(commit: &Commit) -> Value {
    json!({
        "id": commit.sha, "short_id": commit.sha.get(..8), "created_at": commit.created_at,
        "parent_ids": commit.parent.iter().collect::<Vec<_>>(), "message": commit.message,
        "title": commit.message.lines().next().unwrap_or_default(),
        "author_name": commit.author_name, "author_email": commit.author_email,
        "authored_date": commit.created_at, "committer_name": commit.author_name,
        "committer_email": commit.author_email, "committed_date": commit.created_at,
        "trailers": {}, "extended_trailers": {},
    })
}

/// The rules of Git for a branch name, as far as they matter.
pub(crate) fn valid_branch_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.ends_with(".lock")
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c))
}
