//! Keys and ids of promotions.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::values::{text_value, uuid_value};
use crate::{Environment, InvalidValue, ServiceKey};

/// One promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PromotionId(pub Uuid);

uuid_value!(PromotionId, "promotion id");

/// The natural key of an environment of a service: `payments/checkout/PRD`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentKey {
    /// Of which service.
    pub service: ServiceKey,
    /// Which.
    pub environment: Environment,
}

impl fmt::Display for EnvironmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.environment)
    }
}

impl FromStr for EnvironmentKey {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new("environment key", value, "written as project/service/ENV");
        let (service, environment) = value.rsplit_once('/').ok_or_else(wrong)?;
        Ok(Self {
            service: service.parse()?,
            environment: environment.parse()?,
        })
    }
}

/// The number of a change in the company's change management: `CHG0031337`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ChangeReference(#[schemars(length(min = 1, max = 80))] String);

impl ChangeReference {
    /// The reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChangeReference {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let fits = |c: char| c.is_ascii_graphic();
        if value.is_empty() || value.len() > 80 || !value.chars().all(fits) {
            let rule = "1 to 80 visible ASCII characters without spaces";
            return Err(InvalidValue::new("change reference", value, rule));
        }
        Ok(Self(value.to_owned()))
    }
}

text_value!(ChangeReference);
