//! Gates that open by time: a soak that is over, a freeze that ends, a waiver that expires.

use chrono::Utc;
use futures::StreamExt;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};

use super::notes::{self, Which};
use super::{AT_ONCE, Parts, asked};
use crate::background::pause;

const PAGE: i64 = 200;

/// One tick in so many looks at all that waits, whether a gate said when it opens or not: gates in Rego and waivers that
/// expire do not say.
const LOOK_AT_ALL: u32 = 12;

/// Asks for looks at what waits, again and again.
pub(super) async fn run(parts: &Parts) {
    let mut ticks = 0_u32;
    while pause(&parts.stop, parts.options.clock_interval).await {
        let asked = if ticks.is_multiple_of(LOOK_AT_ALL) {
            asked::all(parts.commands.journal().pool()).await
        } else {
            ask_for_due(parts).await
        };
        ticks = ticks.wrapping_add(1);
        match asked {
            Ok(()) => parts.asked.notify_one(),
            Err(error) => tracing::warn!(%error, "what waits could not be asked for; trying again"),
        }
    }
}

/// Asks for looks at those with a gate that opens by now, as it said itself.
async fn ask_for_due(parts: &Parts) -> Result<(), sqlx::Error> {
    let pool = parts.commands.journal().pool();
    let mut after = String::new();
    loop {
        let page = notes::page(pool, Which::Waiting, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.to_string();
        let looks = futures::stream::iter(page).map(|key| async { is_due(parts, &key).await.then_some(key) });
        let due = looks.buffer_unordered(AT_ONCE).filter_map(std::future::ready);
        asked::environments(pool, &due.collect::<Vec<_>>().await).await?;
    }
}

/// By the state that this process remembers: where it is old, the event that made it so was followed.
async fn is_due(parts: &Parts, key: &EnvironmentKey) -> bool {
    let journal = parts.commands.journal();
    let loaded = journal.load::<ServiceEnvironment>(&key.to_string()).await;
    loaded.is_ok_and(|environment| environment.state.is_due(Utc::now()))
}
