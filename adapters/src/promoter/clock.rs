//! Gates that open by time: a soak that is over, a freeze that ends, a waiver that expires. And what was refused for a
//! time: releases on their way to DEV.

use chrono::Utc;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};

use super::notes::{self, Which};
use super::{Parts, to_dev};
use crate::background::pause;

const PAGE: i64 = 200;

/// One tick in so many looks at all that waits, whether a gate said when it opens or not: gates in Rego and waivers that
/// expire do not say.
const LOOK_AT_ALL: u32 = 12;

/// Looks at what waits, again and again.
pub(super) async fn run(parts: &Parts) {
    let mut ticks = 0_u32;
    while pause(&parts.stop, parts.options.clock_interval).await {
        let which = if ticks.is_multiple_of(LOOK_AT_ALL) {
            Look::All
        } else {
            Look::Due
        };
        ticks = ticks.wrapping_add(1);
        if let Err(error) = look_at(parts, "", which).await {
            tracing::warn!(%error, "what waits could not be looked at; trying again");
        }
        if let Err(error) = to_dev::take_again(parts).await {
            tracing::warn!(%error, "releases could not be taken to DEV; trying again");
        }
    }
}

/// Looks at every environment with a promotion that waits, of those whose key begins with `prefix`.
pub(super) async fn look_at_all(parts: &Parts, prefix: &str) -> Result<(), sqlx::Error> {
    look_at(parts, prefix, Look::All).await
}

/// Which of those that wait are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// All.
    All,
    /// Those with a gate that opens by now, as it said itself.
    Due,
}

async fn look_at(parts: &Parts, prefix: &str, which: Look) -> Result<(), sqlx::Error> {
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
            if which == Look::All || is_due(parts, &key).await {
                parts.look_again(&key, &key.to_string()).await;
            }
        }
    }
}

/// By the state that this process remembers: where it is old, the event that made it so was followed.
async fn is_due(parts: &Parts, key: &EnvironmentKey) -> bool {
    let journal = parts.commands.journal();
    let loaded = journal.load::<ServiceEnvironment>(&key.to_string()).await;
    loaded.is_ok_and(|environment| environment.state.is_due(Utc::now()))
}
