//! Gates that open by time: a soak that is over, a freeze that ends, a waiver that expires.

use super::Parts;
use super::notes::{self, Which};

const PAGE: i64 = 200;

/// Looks at all that waits, again and again.
pub(super) async fn run(parts: &Parts) {
    while parts.pause(parts.options.clock_interval).await {
        if let Err(error) = look_at_all(parts, "").await {
            tracing::warn!(%error, "what waits could not be looked at; trying again");
        }
    }
}

/// Looks at every environment with a promotion that waits, of those whose key begins with `prefix`.
pub(super) async fn look_at_all(parts: &Parts, prefix: &str) -> Result<(), sqlx::Error> {
    let pool = parts.commands.journal().pool();
    let mut after = String::new();
    loop {
        let page = notes::page(pool, Which::Waiting, prefix, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.to_string();
        for key in page {
            if parts.stop.is_cancelled() {
                return Ok(());
            }
            parts.look_again(&key, &key.to_string()).await;
        }
    }
}
