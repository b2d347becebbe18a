//! Freezes that hold, and overrides of them.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FreezeWindow, PolicyRules};

/// A freeze that holds, or held when it was overridden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldFreeze {
    /// Which.
    pub window: FreezeWindow,
    /// When it ends. A freeze that comes again every week is another one by then.
    pub until: DateTime<Utc>,
}

impl HeldFreeze {
    /// Whether this one, overridden, is the freeze that holds at an instant.
    pub fn covers(&self, other: &Self, at: DateTime<Utc>) -> bool {
        self.window == other.window && at < self.until
    }
}

impl PolicyRules {
    /// The freezes that hold at an instant.
    pub fn freezes_held(&self, at: DateTime<Utc>) -> Vec<HeldFreeze> {
        let held = |window: &FreezeWindow| {
            let until = window.holds_until(at)?;
            let window = window.clone();
            Some(HeldFreeze { window, until })
        };
        self.freezes.iter().filter_map(held).collect()
    }
}
