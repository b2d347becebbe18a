//! What exists in the stand-in SonarQube.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub key: String,
    pub name: String,
    pub visibility: String,
    pub tags: Vec<String>,
    /// Quality gate chosen for it; `None` means the default one.
    pub gate: Option<String>,
}

/// One condition of a quality gate.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub id: String,
    pub metric: String,
    pub op: String,
    pub error: String,
}

/// A quality gate.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub name: String,
    pub built_in: bool,
    pub conditions: Vec<Condition>,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    User,
    GlobalAnalysis,
    ProjectAnalysis,
}

/// A token of the administrator.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub name: String,
    pub secret: String,
    pub kind: TokenKind,
    pub project: Option<String>,
    pub created_at: String,
    pub expires_on: Option<String>,
}

/// An analysis that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Analysis {
    pub key: String,
    pub project: String,
    pub date: String,
    pub revision: String,
    /// Of the quality gate, when it ended.
    pub status: String,
    /// Of the quality gate, as it is now.
    pub live: String,
}

/// A webhook, of a project or of all.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub key: String,
    pub name: String,
    pub url: String,
    pub secret: Option<String>,
    pub project: Option<String>,
}

/// Everything on the server.
#[derive(Debug)]
pub(crate) struct World {
    pub projects: BTreeMap<String, Project>,
    pub gates: Vec<Gate>,
    pub default_gate: String,
    pub tokens: Vec<Token>,
    pub webhooks: Vec<Webhook>,
    /// The newest last.
    pub analyses: Vec<Analysis>,
}

/// The gate that every installation has.
pub(crate) const SONAR_WAY: &str = "Sonar way";

impl Default for World {
    fn default() -> Self {
        let condition = |metric: &str, op: &str, error: &str| Condition {
            id: Uuid::new_v4().to_string(),
            metric: metric.to_owned(),
            op: op.to_owned(),
            error: error.to_owned(),
        };
        let sonar_way = Gate {
            name: SONAR_WAY.to_owned(),
            built_in: true,
            conditions: vec![
                condition("new_violations", "GT", "0"),
                condition("new_security_hotspots_reviewed", "LT", "100"),
                condition("new_coverage", "LT", "80"),
                condition("new_duplicated_lines_density", "GT", "3"),
            ],
        };
        Self {
            projects: BTreeMap::new(),
            gates: vec![sonar_way],
            default_gate: SONAR_WAY.to_owned(),
            tokens: Vec::new(),
            webhooks: Vec::new(),
            analyses: Vec::new(),
        }
    }
}

impl World {
    /// Names of all that exists, by kind.
    pub(crate) fn state(&self) -> Value {
        let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut add = |kind, name: String| kinds.entry(kind).or_default().push(name);
        self.projects.keys().for_each(|key| add("projects", key.clone()));
        self.gates
            .iter()
            .filter(|g| !g.built_in)
            .for_each(|g| add("quality_gates", g.name.clone()));
        self.tokens.iter().for_each(|t| add("tokens", t.name.clone()));
        for hook in &self.webhooks {
            let of = hook.project.as_deref().unwrap_or("*");
            add("webhooks", format!("{of}:{}", hook.name));
        }
        serde_json::to_value(kinds).unwrap_or_default()
    }
}
