//! Which tools a default sandbox has.

use std::sync::Arc;

use crate::SandboxTool;

/// Every tool, with the demo credentials of [`crate::credentials`].
pub fn all() -> Vec<Arc<dyn SandboxTool>> {
    vec![]
}
