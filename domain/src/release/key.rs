//! The natural key of a release.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ReleaseVersion;
use crate::{InvalidValue, ServiceKey};

/// The natural key of a release: `payments/checkout/1.4.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseKey {
    /// Of which service.
    pub service: ServiceKey,
    /// Which version.
    pub version: ReleaseVersion,
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.version)
    }
}

impl FromStr for ReleaseKey {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new("release", value, "written as project/service/version");
        let (service, version) = value.rsplit_once('/').ok_or_else(wrong)?;
        Ok(Self {
            service: service.parse()?,
            version: version.parse()?,
        })
    }
}
