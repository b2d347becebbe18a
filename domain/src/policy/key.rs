//! The natural key of a policy.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Environment, InvalidValue, ProjectSlug};

/// The natural key of a policy: `PRD` for all projects, `payments/PRD` for one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PolicyKey {
    /// Whose; all projects' where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectSlug>,
    /// For which environment.
    pub environment: Environment,
}

impl fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.project {
            Some(project) => write!(f, "{project}/{}", self.environment),
            None => self.environment.fmt(f),
        }
    }
}

impl FromStr for PolicyKey {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let (project, environment) = match value.split_once('/') {
            Some((project, environment)) => (Some(project.parse()?), environment),
            None => (None, value),
        };
        Ok(Self {
            project,
            environment: environment.parse()?,
        })
    }
}
