//! The five environments and the ordered choice that a service makes of them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator};

use crate::InvalidValue;

/// An environment. The order of the variants is the order of promotion.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Environment {
    /// Development.
    Dev,
    /// System integration test.
    Sit,
    /// User acceptance test.
    Uat,
    /// Pre-production.
    Pre,
    /// Production.
    Prd,
}

impl Environment {
    /// All five, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The name in the API: `DEV`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "DEV",
            Self::Sit => "SIT",
            Self::Uat => "UAT",
            Self::Pre => "PRE",
            Self::Prd => "PRD",
        }
    }

    /// The name in paths, namespaces and labels: `dev`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Sit => "sit",
            Self::Uat => "uat",
            Self::Pre => "pre",
            Self::Prd => "prd",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        Self::iter()
            .find(|e| e.as_str() == value || e.slug() == value)
            .ok_or_else(|| InvalidValue::new("environment", value, "one of DEV, SIT, UAT, PRE, PRD"))
    }
}

/// A non-empty choice of environments, in promotion order, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<Environment>", into = "Vec<Environment>")]
pub struct EnvironmentSet(#[schemars(length(min = 1, max = 5))] Vec<Environment>);

impl EnvironmentSet {
    /// All five.
    pub fn all() -> Self {
        Self(Environment::iter().collect())
    }

    /// Just one.
    pub fn only(environment: Environment) -> Self {
        Self(vec![environment])
    }

    /// In promotion order.
    pub fn iter(&self) -> impl Iterator<Item = Environment> + '_ {
        self.0.iter().copied()
    }

    /// Whether it was chosen.
    pub fn contains(&self, environment: Environment) -> bool {
        self.0.contains(&environment)
    }

    /// The same choice and one more, at its place in the order.
    #[must_use]
    pub fn with(&self, environment: Environment) -> Self {
        let mut all = self.0.clone();
        if !all.contains(&environment) {
            all.push(environment);
            all.sort_unstable();
        }
        Self(all)
    }
}

impl TryFrom<Vec<Environment>> for EnvironmentSet {
    type Error = InvalidValue;
    fn try_from(chosen: Vec<Environment>) -> Result<Self, InvalidValue> {
        let text = || chosen.iter().map(|e| e.as_str()).collect::<Vec<_>>().join(",");
        if chosen.is_empty() {
            return Err(InvalidValue::new(
                "environments",
                "",
                "choose at least one of DEV, SIT, UAT, PRE, PRD",
            ));
        }
        if !chosen.is_sorted_by(|a, b| a < b) {
            let rule = "each at most once, in the order DEV, SIT, UAT, PRE, PRD";
            return Err(InvalidValue::new("environments", &text(), rule));
        }
        Ok(Self(chosen))
    }
}

impl From<EnvironmentSet> for Vec<Environment> {
    fn from(set: EnvironmentSet) -> Self {
        set.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_ordered_and_not_empty() {
        use Environment::{Dev, Prd, Uat};
        assert!(EnvironmentSet::try_from(vec![Dev, Uat, Prd]).is_ok());
        assert!(EnvironmentSet::try_from(vec![]).is_err());
        assert!(EnvironmentSet::try_from(vec![Uat, Dev]).is_err());
        assert!(EnvironmentSet::try_from(vec![Dev, Dev]).is_err());
    }

    #[test]
    fn adding_keeps_the_order() {
        let set = EnvironmentSet::try_from(vec![Environment::Dev, Environment::Prd]).unwrap();
        let more: Vec<_> = set.with(Environment::Uat).into();
        assert_eq!(more, [Environment::Dev, Environment::Uat, Environment::Prd]);
    }
}
