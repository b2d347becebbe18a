//! Making commits: actions on files become a new tree on a branch.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::answers::Refusal;
use super::protected_branches;
use super::world::{Commit, File, Project, Tree, now};

/// What one action of `POST /repository/commits` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Create,
    Update,
    Delete,
    Move,
    Chmod,
}

/// One action of `POST /repository/commits`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Action {
    pub action: Kind,
    pub file_path: String,
    #[serde(default)]
    pub previous_path: Option<String>,
    #[serde(default)]
    pub content: Option<String>,
    #[serde(default)]
    pub encoding: Option<String>,
    #[serde(default)]
    pub last_commit_id: Option<String>,
    #[serde(default)]
    pub execute_filemode: Option<bool>,
}

/// Where a commit goes and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub branch: String,
    pub start: Option<String>,
    pub force: bool,
    pub message: String,
    pub author_name: Option<String>,
    pub author_email: Option<String>,
    pub actions: Vec<Action>,
}

/// Makes the commit and moves the branch; gives the commit's id. `id` serves what comes with a first branch.
pub(crate) fn commit(project: &mut Project, change: Change, id: u64) -> Result<String, Refusal> {
    let on_other_branch = change.start.as_ref().is_some_and(|start| *start != change.branch);
    let empty = project.branches.is_empty();
    if !empty && on_other_branch && project.branches.contains_key(&change.branch) && !change.force {
        return Err(Refusal::bad(&format!(
            "A branch called '{}' already exists. Switch to that branch in order to make changes",
            change.branch
        )));
    }
    let start = change.start.clone().unwrap_or_else(|| change.branch.clone());
    let parent = project.resolve(&start);
    if parent.is_none() && !empty {
        return Err(Refusal::bad(
            "You can only create or edit files when you are on a branch",
        ));
    }
    let mut tree = parent.map(|p| (*p.tree).clone()).unwrap_or_default();
    let parent = parent.map(|p| p.sha.clone());
    let created_at = now();
    let sha = digest(&[
        &project.id.to_string(),
        parent.as_deref().unwrap_or_default(),
        &change.branch,
        &change.message,
        &created_at,
        &project.commits.len().to_string(),
    ]);
    for action in &change.actions {
        apply(&mut tree, action, &sha)?;
    }
    let commit = Commit {
        sha: sha.clone(),
        parent,
        message: change.message,
        author_name: change.author_name.unwrap_or_else(|| "Administrator".to_owned()),
        author_email: change
            .author_email
            .unwrap_or_else(|| "root@example.com".to_owned()),
        created_at,
        tree: Arc::new(tree),
    };
    project.commits.insert(sha.clone(), commit);
    project.branches.insert(change.branch.clone(), sha.clone());
    if project.default_branch.is_none() {
        // GitLab makes the first branch the default one, and protects it.
        protected_branches::protect_default(project, &change.branch, id);
        project.default_branch = Some(change.branch);
    }
    Ok(sha)
}

/// The first commit of a project that was asked for with `initialize_with_readme`.
pub(crate) fn initialise(project: &mut Project, branch: &str, id: u64) {
    let readme = Action {
        action: Kind::Create,
        file_path: "README.md".to_owned(),
        previous_path: None,
        content: Some(format!("# {}\n", project.name)),
        encoding: None,
        last_commit_id: None,
        execute_filemode: None,
    };
    let change = Change {
        branch: branch.to_owned(),
        start: None,
        force: false,
        message: "Initial commit".to_owned(),
        author_name: None,
        author_email: None,
        actions: vec![readme],
    };
    // An empty repository takes a new file always.
    let _ = commit(project, change, id);
}

fn apply(tree: &mut Tree, action: &Action, sha: &str) -> Result<(), Refusal> {
    let path = action.file_path.as_str();
    if path.is_empty()
        || path.starts_with('/')
        || path
            .split('/')
            .any(|p| p.is_empty() || p == "." || p == ".." || p == ".git")
    {
        return Err(Refusal::bad("invalid path"));
    }
    let exists = tree.contains_key(path);
    match action.action {
        Kind::Create if exists => return Err(Refusal::bad("A file with this name already exists")),
        Kind::Update | Kind::Delete | Kind::Chmod if !exists => {
            return Err(Refusal::bad("A file with this name doesn't exist"));
        }
        _ => {}
    }
    if action.action == Kind::Create && is_directory(tree, path) {
        return Err(Refusal::bad("A directory with this name already exists"));
    }
    if let (Some(expected), Some(file)) = (&action.last_commit_id, tree.get(path))
        && file.last_commit != *expected
    {
        return Err(Refusal::bad(&format!(
            "The file has changed since you started editing it: {path}"
        )));
    }
    match action.action {
        Kind::Delete => {
            tree.remove(path);
        }
        Kind::Chmod => {
            if let Some(file) = tree.get_mut(path) {
                file.executable = action.execute_filemode.unwrap_or(false);
                sha.clone_into(&mut file.last_commit);
            }
        }
        Kind::Move => {
            let from = action.previous_path.as_deref().unwrap_or_default();
            let Some(old) = tree.remove(from) else {
                return Err(Refusal::bad("A file with this name doesn't exist"));
            };
            let content = if action.content.is_some() {
                content(action)?
            } else {
                old.content
            };
            tree.insert(path.to_owned(), file(content, old.executable, sha));
        }
        Kind::Create | Kind::Update => {
            let executable = tree.get(path).is_some_and(|f| f.executable);
            let executable = action.execute_filemode.unwrap_or(executable);
            tree.insert(path.to_owned(), file(content(action)?, executable, sha));
        }
    }
    Ok(())
}

fn is_directory(tree: &Tree, path: &str) -> bool {
    let prefix = format!("{path}/");
    tree.keys().any(|k| k.starts_with(&prefix))
}

fn content(action: &Action) -> Result<Vec<u8>, Refusal> {
    let text = action.content.as_deref().unwrap_or_default();
    match action.encoding.as_deref() {
        Some("base64") => BASE64.decode(text).map_err(|_| Refusal::bad("invalid base64")),
        _ => Ok(text.as_bytes().to_vec()),
    }
}

fn file(content: Vec<u8>, executable: bool, sha: &str) -> File {
    let mut hash = Sha256::new();
    hash.update(&content);
    let blob = hex::encode(hash.finalize()).chars().take(40).collect();
    File {
        content,
        executable,
        blob,
        last_commit: sha.to_owned(),
    }
}

/// 40 hexadecimal digits, like a Git object id.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::encode(hash.finalize()).chars().take(40).collect()
}
