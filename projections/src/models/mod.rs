//! Opstella's own projections.

use std::sync::Arc;

use crate::Projection;

mod audit;
mod catalog;
mod delivery;
mod place;
mod promotions;
mod releases;
mod resources;
mod rows;
mod runs;
mod subscriptions;

pub use audit::Audit;
pub use catalog::Catalog;
pub use delivery::Delivery;
pub use promotions::Promotions;
pub use releases::Releases;
pub use resources::Resources;
pub use runs::Runs;
pub use subscriptions::Subscriptions;

/// All of them.
pub fn all() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(Catalog),
        Arc::new(Runs),
        Arc::new(Resources),
        Arc::new(Releases),
        Arc::new(Promotions),
        Arc::new(Delivery),
        Arc::new(Subscriptions),
        Arc::new(Audit),
    ]
}
