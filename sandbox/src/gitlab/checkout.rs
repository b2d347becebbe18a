//! What other stand-ins, and tests, read from the repositories without the API.

use std::sync::{Arc, PoisonError};

use super::GitLab;
use super::world::{Commit, Project, Tree, World};

/// A repository's files as of one commit.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    /// Which commit.
    pub commit: String,
    tree: Arc<Tree>,
}

impl Checkout {
    /// A file as text.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let file = self.tree.get(path)?;
        String::from_utf8(file.content.clone()).ok()
    }

    /// Whether anything is below a folder.
    pub(crate) fn has_folder(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        self.tree.keys().any(|file| file.starts_with(&below))
    }
}

impl GitLab {
    /// What `git clone URL` and `git checkout REFERENCE` give; `HEAD` is the default branch.
    pub(crate) fn checkout(&self, url: &str, reference: &str) -> Option<Checkout> {
        let path = url.trim_end_matches('/').trim_end_matches(".git");
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |p: &&Project| path.ends_with(&format!("/{}", world.project_path(p)));
        let found = world.projects.values().find(named)?.resolve(reference)?;
        Some(Checkout {
            commit: found.sha.clone(),
            tree: Arc::clone(&found.tree),
        })
    }

    /// A file on the default branch of a repository (`group/name`).
    pub fn file(&self, repository: &str, path: &str) -> Option<String> {
        self.checkout(&format!("/{repository}"), "HEAD")?.text(path)
    }

    /// The messages of the commits on the default branch of a repository, newest first.
    pub fn messages(&self, repository: &str) -> Vec<String> {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        history(&world, repository)
            .map(|commit| commit.message.clone())
            .collect()
    }
}

fn history<'w>(world: &'w World, repository: &str) -> impl Iterator<Item = &'w Commit> {
    let project = world
        .find_project_path(repository)
        .and_then(|id| world.projects.get(&id));
    let head = project.and_then(|project| project.resolve("HEAD"));
    std::iter::successors(head, move |commit| project?.commits.get(commit.parent.as_ref()?))
}
