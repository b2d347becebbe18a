//! The tools that Opstella drives.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator};

use crate::InvalidValue;

/// A tool with an adapter.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// Source and CI.
    GitLab,
    /// Image registry.
    Harbor,
    /// Secrets (HashiCorp Vault or OpenBao).
    Vault,
    /// Code quality.
    SonarQube,
    /// Workload infrastructure.
    Kubernetes,
    /// GitOps delivery.
    ArgoCd,
}

impl Tool {
    /// Every tool.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The name in the API, in metrics and in stream keys: `gitlab`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::GitLab => "gitlab",
            Self::Harbor => "harbor",
            Self::Vault => "vault",
            Self::SonarQube => "sonarqube",
            Self::Kubernetes => "kubernetes",
            Self::ArgoCd => "argocd",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Tool {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        Self::iter().find(|t| t.slug() == value).ok_or_else(|| {
            let all = Self::iter().map(Self::slug).collect::<Vec<_>>().join(", ");
            InvalidValue::new("tool", value, format!("one of {all}"))
        })
    }
}
