//! Keys and ids.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::values::uuid_value;
use crate::{InvalidValue, ProjectSlug, ServiceName};

/// One execution of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

uuid_value!(RunId, "run id");

/// One installation of Opstella: what tells its marks in the tools from those of another one on the same tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstallationId(pub Uuid);

uuid_value!(InstallationId, "installation id");

impl TryFrom<String> for InstallationId {
    type Error = InvalidValue;
    fn try_from(value: String) -> Result<Self, InvalidValue> {
        value.parse()
    }
}

impl From<InstallationId> for String {
    fn from(id: InstallationId) -> Self {
        id.to_string()
    }
}

/// The natural key of a service: `payments/checkout`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ServiceKey {
    /// Its project.
    pub project: ProjectSlug,
    /// Its name there.
    pub service: ServiceName,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.service)
    }
}

impl FromStr for ServiceKey {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let (project, service) = value
            .split_once('/')
            .ok_or_else(|| InvalidValue::new("service key", value, "written as project/service"))?;
        Ok(Self {
            project: project.parse()?,
            service: service.parse()?,
        })
    }
}

/// Who acts: the `sub` of a token, or `system:<part>` for Opstella itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(#[schemars(length(min = 1, max = 255))] String);

impl Subject {
    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Subject {
    type Error = InvalidValue;
    fn try_from(value: String) -> Result<Self, InvalidValue> {
        let printable = value.chars().all(|c| !c.is_control());
        if value.trim().is_empty() || value.len() > 255 || !printable {
            return Err(InvalidValue::new(
                "subject",
                &value,
                "1 to 255 bytes of printable text",
            ));
        }
        Ok(Self(value))
    }
}

impl std::borrow::Borrow<str> for Subject {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        Self::try_from(value.to_owned())
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> String {
        subject.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
