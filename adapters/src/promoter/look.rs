//! Looks at gates as it is asked for, a few environments at once. What was asked for and not looked at before a crash is
//! looked at after it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use opstella_domain::promotion::EnvironmentKey;

use super::asked::{self, Asked};
use super::{AT_ONCE, Parts};

/// How often the notes are looked at where nobody says that something was asked for.
const POLL: Duration = Duration::from_secs(1);

/// Looks until it is time to stop; looks under way still end.
pub(super) async fn run(parts: &Parts) {
    let pool = parts.commands.journal().pool();
    let mut looks = FuturesUnordered::new();
    let mut busy: BTreeSet<EnvironmentKey> = BTreeSet::new();
    while !parts.stop.is_cancelled() {
        let free = AT_ONCE.saturating_sub(busy.len());
        match asked::next(pool, &busy, free).await {
            Ok(next) => {
                for asked in next {
                    busy.insert(asked.key.clone());
                    looks.push(look(parts, asked));
                }
            }
            Err(error) => tracing::warn!(%error, "what is to be looked at cannot be read; trying again"),
        }
        tokio::select! {
            Some(key) = looks.next() => {
                busy.remove(&key);
            }
            () = parts.asked.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            () = parts.stop.cancelled() => {}
        }
    }
    while looks.next().await.is_some() {}
}

/// Looks at the gates of what waits in an environment. A refusal is logged: the next event or tick asks again.
async fn look(parts: &Parts, asked: Asked) -> EnvironmentKey {
    let context = parts.context(&asked.key.to_string());
    if let Err(error) = parts.commands.reevaluate(&context, &asked.key).await {
        tracing::warn!(environment = %asked.key, %error, "the gates could not be looked at");
    }
    if let Err(error) = asked::looked(parts.commands.journal().pool(), &asked).await {
        tracing::warn!(environment = %asked.key, %error, "a look was not noted; looking again");
        crate::background::pause(&parts.stop, POLL).await;
    }
    asked.key
}
