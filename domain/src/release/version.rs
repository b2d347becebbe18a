//! The version of a release.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InvalidValue;
use crate::values::text_value;

/// Most characters of a version.
const LONGEST: usize = 64;

/// What CI calls a release: `1.4.0`, `2026.11.25-3`. It fits a path segment and an image tag
/// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseVersion(
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"))] String,
);

impl ReleaseVersion {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReleaseVersion {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let starts = value.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if !starts || value.len() > LONGEST || !value.bytes().all(fits) {
            let rule = format!("1 to {LONGEST} of a-z, A-Z, 0-9, `.`, `_`, `-`, the first a letter or digit");
            return Err(InvalidValue::new("version", value, rule));
        }
        Ok(Self(value.to_owned()))
    }
}

text_value!(ReleaseVersion);
