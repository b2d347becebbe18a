//! Opstella's own projections.

use std::sync::Arc;

use crate::Projection;

mod audit;
mod catalog;
mod resources;
mod rows;
mod runs;

pub use audit::Audit;
pub use catalog::Catalog;
pub use resources::Resources;
pub use runs::Runs;

/// All of them.
pub fn all() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(Catalog),
        Arc::new(Runs),
        Arc::new(Resources),
        Arc::new(Audit),
    ]
}
