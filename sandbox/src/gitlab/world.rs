//! What exists in the stand-in GitLab.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::deletion::Deletion;

/// A group; its namespace has the same id.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub id: u64,
    pub name: String,
    pub path: String,
    pub full_path: String,
    pub parent_id: Option<u64>,
    pub description: String,
    pub visibility: String,
    pub created_at: String,
    /// The day on which it was deleted, where it is kept for some more.
    pub marked_on: Option<String>,
}

/// One file in a tree.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub content: Vec<u8>,
    pub executable: bool,
    pub blob: String,
    pub last_commit: String,
}

/// Paths to files, as of a commit.
pub(crate) type Tree = BTreeMap<String, File>;

/// One commit with everything as of it.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub sha: String,
    pub parent: Option<String>,
    pub message: String,
    pub author_name: String,
    pub author_email: String,
    pub created_at: String,
    pub tree: Arc<Tree>,
}

/// Who may do what on a branch.
#[derive(Debug, Clone)]
pub(crate) struct ProtectedBranch {
    pub id: u64,
    pub name: String,
    pub push_level: u64,
    pub merge_level: u64,
    pub unprotect_level: Option<u64>,
    pub allow_force_push: bool,
    pub code_owner_approval_required: bool,
}

/// A deployment environment.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub id: u64,
    pub name: String,
    pub slug: String,
    pub external_url: Option<String>,
    pub tier: String,
    pub description: Option<String>,
    pub available: bool,
    pub created_at: String,
}

/// A CI variable.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub key: String,
    pub value: String,
    pub variable_type: String,
    pub protected: bool,
    pub masked: bool,
    pub hidden: bool,
    pub raw: bool,
    pub environment_scope: String,
    pub description: Option<String>,
}

/// A webhook; `fields` are the ones that GitLab gives back.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub id: u64,
    pub fields: Map<String, Value>,
    /// What it sends as `X-Gitlab-Token`.
    pub token: Option<String>,
}

/// A project with everything in it.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub id: u64,
    pub name: String,
    pub path: String,
    pub namespace_id: u64,
    pub created_at: String,
    pub default_branch: Option<String>,
    /// Settings that are kept as given and given back.
    pub settings: Map<String, Value>,
    pub branches: BTreeMap<String, String>,
    pub commits: BTreeMap<String, Commit>,
    pub protected: Vec<ProtectedBranch>,
    pub environments: BTreeMap<u64, Environment>,
    pub variables: Vec<Variable>,
    pub hooks: BTreeMap<u64, Hook>,
    /// The day on which it was deleted, where it is kept for some more.
    pub marked_on: Option<String>,
}

impl Project {
    /// The commit that a branch name or a commit id (at least 7 digits) means.
    pub(crate) fn resolve(&self, reference: &str) -> Option<&Commit> {
        if reference == "HEAD" {
            return self.resolve(self.default_branch.as_deref()?);
        }
        if let Some(sha) = self.branches.get(reference) {
            return self.commits.get(sha);
        }
        if reference.len() < 7 {
            return None;
        }
        self.commits
            .iter()
            .find(|(sha, _)| sha.starts_with(reference))
            .map(|(_, commit)| commit)
    }
}

/// Everything on the server.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub groups: BTreeMap<u64, Group>,
    pub projects: BTreeMap<u64, Project>,
    /// Which project was at a path, in lower case, before it went elsewhere.
    pub moved: BTreeMap<String, u64>,
    pub deletion: Deletion,
    last_id: u64,
}

/// The administrator's own namespace.
pub(crate) const ROOT_NAMESPACE: u64 = 1;

impl World {
    /// An id that no other resource has.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.max(ROOT_NAMESPACE) + 1;
        self.last_id
    }

    /// The path of a namespace: a group's, or the administrator's own.
    pub(crate) fn namespace_path(&self, id: u64) -> Option<&str> {
        if id == ROOT_NAMESPACE {
            Some("root")
        } else {
            self.groups.get(&id).map(|g| g.full_path.as_str())
        }
    }

    /// `group/project`.
    pub(crate) fn project_path(&self, project: &Project) -> String {
        format!(
            "{}/{}",
            self.namespace_path(project.namespace_id).unwrap_or_default(),
            project.path
        )
    }

    /// The id of a group, given its id or full path.
    pub(crate) fn find_group(&self, id_or_path: &str) -> Option<u64> {
        if let Ok(id) = id_or_path.parse::<u64>()
            && self.groups.contains_key(&id)
        {
            return Some(id);
        }
        self.find_group_path(id_or_path)
    }

    /// The id of the group with this full path.
    pub(crate) fn find_group_path(&self, path: &str) -> Option<u64> {
        self.groups
            .values()
            .find(|g| g.full_path.eq_ignore_ascii_case(path))
            .map(|g| g.id)
    }

    /// The id of a project, given its id or full path.
    pub(crate) fn find_project(&self, id_or_path: &str) -> Option<u64> {
        if let Ok(id) = id_or_path.parse::<u64>()
            && self.projects.contains_key(&id)
        {
            return Some(id);
        }
        self.find_project_path(id_or_path)
    }

    /// The id of the project with this full path.
    pub(crate) fn find_project_path(&self, path: &str) -> Option<u64> {
        self.projects
            .values()
            .find(|p| self.project_path(p).eq_ignore_ascii_case(path))
            .map(|p| p.id)
    }

    /// The project that was at this path.
    pub(crate) fn find_moved(&self, path: &str) -> Option<u64> {
        let id = self.moved.get(&path.to_lowercase()).copied();
        id.filter(|id| self.projects.contains_key(id))
    }

    /// Remembers where a project is, which is about to go elsewhere.
    pub(crate) fn moved_from(&mut self, id: u64) {
        if let Some(project) = self.projects.get(&id) {
            let path = self.project_path(project).to_lowercase();
            self.moved.insert(path, id);
        }
    }

    /// Removes a group with all that is in it.
    pub(crate) fn remove_group(&mut self, id: u64) {
        let children: Vec<u64> = self
            .groups
            .values()
            .filter(|g| g.parent_id == Some(id))
            .map(|g| g.id)
            .collect();
        for child in children {
            self.remove_group(child);
        }
        self.projects.retain(|_, p| p.namespace_id != id);
        self.groups.remove(&id);
    }

    /// Names of all that exists, by kind.
    pub(crate) fn state(&self) -> Value {
        let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for group in self.groups.values() {
            kinds.entry("groups").or_default().push(group.full_path.clone());
        }
        for project in self.projects.values() {
            let path = self.project_path(project);
            let mut add = |kind, name: String| kinds.entry(kind).or_default().push(format!("{path}:{name}"));
            project
                .branches
                .keys()
                .for_each(|name| add("branches", name.clone()));
            project
                .protected
                .iter()
                .for_each(|b| add("protected_branches", b.name.clone()));
            project
                .environments
                .values()
                .for_each(|e| add("environments", e.name.clone()));
            project
                .variables
                .iter()
                .for_each(|v| add("variables", format!("{}@{}", v.key, v.environment_scope)));
            for hook in project.hooks.values() {
                add(
                    "hooks",
                    hook.fields
                        .get("url")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
            kinds.entry("projects").or_default().push(path);
        }
        serde_json::to_value(kinds).unwrap_or_default()
    }
}

/// Now, as GitLab writes it.
pub(crate) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The day, as GitLab writes it.
pub(crate) fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}
