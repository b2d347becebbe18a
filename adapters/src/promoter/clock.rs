//! Gates that open by time: a soak that is over, a freeze that ends, a waiver that expires. And what was refused for a
//! time: releases on their way to DEV.

use super::notes::{self, Which};
use super::{Parts, to_dev};

const PAGE: i64 = 200;

/// Looks at all that waits, again and again.
pub(super) async fn run(parts: &Parts) {
    while parts.pause(parts.options.clock_interval).await {
        if let Err(error) = look_at_all(parts, "").await {
            tracing::warn!(%error, "what waits could not be looked at; trying again");
        }
        if let Err(error) = to_dev::take_again(parts).await {
            tracing::warn!(%error, "releases could not be taken to DEV; trying again");
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
