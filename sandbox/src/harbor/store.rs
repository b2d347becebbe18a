//! What a Harbor holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::now;

#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) created: String,
    pub(super) updated: String,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(super) struct Robot {
    pub(super) id: i64,
    /// As the client gave it, without prefix and project.
    pub(super) name: String,
    pub(super) description: String,
    pub(super) level: String,
    /// The project of a project robot.
    pub(super) project: Option<i64>,
    pub(super) duration: i64,
    pub(super) expires_at: i64,
    pub(super) disabled: bool,
    pub(super) secret: String,
    pub(super) permissions: Value,
    pub(super) created: String,
    pub(super) updated: String,
}

#[derive(Debug)]
pub(super) struct Label {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) color: String,
    pub(super) scope: String,
    pub(super) project: i64,
    pub(super) created: String,
    pub(super) updated: String,
}

#[derive(Debug)]
pub(super) struct Repository {
    pub(super) id: i64,
    pub(super) project: i64,
    /// With the project's name in front.
    pub(super) name: String,
    pub(super) description: String,
    pub(super) created: String,
    pub(super) updated: String,
    /// By digest.
    pub(super) artifacts: BTreeMap<String, Artifact>,
}

#[derive(Debug)]
pub(super) struct Artifact {
    pub(super) id: i64,
    pub(super) pushed: String,
    /// Name to id and time.
    pub(super) tags: BTreeMap<String, (i64, String)>,
    /// When it was scanned.
    pub(super) scanned: Option<String>,
    /// What the scanner says of it, as the API shows it; without, that it found nothing.
    pub(super) overview: Option<Value>,
    /// The reports behind that, by media type; empty where there are none.
    pub(super) findings: Value,
    /// The digest of its configuration, where a test said so.
    pub(super) config: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    last_id: i64,
    pub(super) projects: BTreeMap<i64, Project>,
    pub(super) robots: BTreeMap<i64, Robot>,
    pub(super) labels: BTreeMap<i64, Label>,
    /// Policy as the client sent it, `id` set; and its project.
    pub(super) retentions: BTreeMap<i64, (i64, Value)>,
    pub(super) repositories: BTreeMap<String, Repository>,
}

/// What every installation comes with.
const LIBRARY: &str = "library";

impl Store {
    pub(super) fn fresh() -> Self {
        let mut store = Self::default();
        store.add_project(
            LIBRARY,
            BTreeMap::from([("public".to_owned(), "true".to_owned())]),
        );
        store
    }

    pub(super) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn add_project(&mut self, name: &str, metadata: BTreeMap<String, String>) -> i64 {
        let id = self.next_id();
        let project = Project {
            id,
            name: name.to_owned(),
            created: now(),
            updated: now(),
            metadata,
        };
        self.projects.insert(id, project);
        id
    }

    pub(super) fn project_named(&self, name: &str) -> Option<&Project> {
        self.projects.values().find(|p| p.name == name)
    }

    pub(super) fn project_name(&self, id: i64) -> &str {
        self.projects
            .get(&id)
            .map(|p| p.name.as_str())
            .unwrap_or_default()
    }

    /// `robot$project+name`, or `robot$name` for the system's.
    pub(super) fn robot_name(&self, robot: &Robot) -> String {
        match robot.project {
            Some(project) => format!("robot${}+{}", self.project_name(project), robot.name),
            None => format!("robot${}", robot.name),
        }
    }

    /// A project takes its robots, labels and retention policy along.
    pub(super) fn remove_project(&mut self, id: i64) {
        self.projects.remove(&id);
        self.robots.retain(|_, r| r.project != Some(id));
        self.labels.retain(|_, l| l.scope != "p" || l.project != id);
        self.retentions.retain(|_, (project, _)| *project != id);
    }

    pub(super) fn repository_count(&self, project: i64) -> usize {
        self.repositories
            .values()
            .filter(|r| r.project == project)
            .count()
    }

    pub(super) fn summary(&self) -> Value {
        let mut kinds: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut add = |kind, name| kinds.entry(kind).or_default().insert(name);
        for project in self.projects.values().filter(|p| p.name != LIBRARY) {
            add("projects", project.name.clone());
        }
        for robot in self.robots.values() {
            add("robots", self.robot_name(robot));
        }
        for label in self.labels.values() {
            let name = match label.scope.as_str() {
                "p" => format!("{}/{}", self.project_name(label.project), label.name),
                _ => label.name.clone(),
            };
            add("labels", name);
        }
        for (id, (project, _)) in &self.retentions {
            add("retentions", format!("{}/{id}", self.project_name(*project)));
        }
        for repository in self.repositories.values() {
            add("repositories", repository.name.clone());
            for digest in repository.artifacts.keys() {
                add("artifacts", format!("{}@{digest}", repository.name));
            }
        }
        let kinds: Map<String, Value> = kinds
            .into_iter()
            .map(|(kind, names)| (kind.to_owned(), json!(names)))
            .collect();
        Value::Object(kinds)
    }
}
