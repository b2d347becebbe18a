//! Sealed releases go to DEV. One that is refused for now, because the queue is full or a tool is not connected, is noted
//! and asked for again with pauses that grow: until it is there, a newer one takes its place, or the service is gone. Where
//! something happens to the service, or a tool is connected, it is asked for at once.

use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use opstella_commands::{CommandError, IdempotencyKey, PromoteRelease};
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment, WhenBusy};
use opstella_domain::release::ReleaseKey;
use opstella_domain::service::{Lifecycle, Service};
use opstella_domain::{Environment, ServiceKey};
use opstella_journal::JournalError;

use super::{AT_ONCE, Parts, notes};
use crate::background::pause;

const PAGE: i64 = 200;
/// The longest pause between two refusals, as a multiple of the first.
const LONGEST: u32 = 60;

/// What became of a release.
enum Taken {
    /// It is there or on its way, or it never will be.
    Settled,
    /// It was refused, for now.
    Refused(CommandError),
}

/// Takes a release to DEV that was just sealed. Older ones that still wait are superseded.
pub(super) async fn take(parts: &Parts, release: &ReleaseKey) -> Result<(), JournalError> {
    let pool = parts.commands.journal().pool();
    let _alone = parts.to_dev.lock(release.service.clone()).await;
    match attempt(parts, release).await? {
        Taken::Settled => notes::forget_release(pool, &release.service).await?,
        Taken::Refused(error) => {
            tracing::warn!(%release, %error, "the release does not go to DEV yet; trying again");
            notes::keep_release(pool, release, until_next(parts.options.clock_interval, 0)).await?;
        }
    }
    Ok(())
}

/// Asks again for those that were refused and are due, until it is time to stop.
pub(super) async fn run(parts: &Parts) {
    while pause(&parts.stop, parts.options.clock_interval).await {
        if let Err(error) = take_again(parts).await {
            tracing::warn!(%error, "releases could not be taken to DEV; trying again");
        }
    }
}

async fn take_again(parts: &Parts) -> Result<(), JournalError> {
    let due = notes::waiting_for_dev(parts.commands.journal().pool(), PAGE).await?;
    let due = stream::iter(due).map(Ok).take_until(parts.stop.cancelled());
    due.try_for_each_concurrent(AT_ONCE, |service| async move { again(parts, &service).await })
        .await
}

/// How long until a release is asked for again that was refused, after so many refusals before.
fn until_next(first: Duration, refusals: u32) -> Duration {
    first
        .saturating_mul(1 << refusals.min(16))
        .min(first.saturating_mul(LONGEST))
}

async fn again(parts: &Parts, service: &ServiceKey) -> Result<(), JournalError> {
    let pool = parts.commands.journal().pool();
    let _alone = parts.to_dev.lock(service.clone()).await;
    // A newer one may have taken its place since the page was read.
    let Some((release, refusals)) = notes::kept_release(pool, service).await? else {
        return Ok(());
    };
    match attempt(parts, &release).await? {
        Taken::Settled => notes::forget_release(pool, service).await?,
        Taken::Refused(error) => {
            tracing::debug!(%release, %error, "the release still does not go to DEV");
            notes::postpone_release(pool, &release, until_next(parts.options.clock_interval, refusals))
                .await?;
        }
    }
    Ok(())
}

async fn attempt(parts: &Parts, release: &ReleaseKey) -> Result<Taken, JournalError> {
    let journal = parts.commands.journal();
    let service = journal
        .load_fresh::<Service>(&release.service.to_string())
        .await?
        .state;
    let chosen = service.environments.as_ref();
    let has_dev = chosen.is_some_and(|all| all.contains(Environment::Dev));
    if !has_dev || service.lifecycle != Lifecycle::Active {
        // A service that is on its way out comes back, if at all, without its releases.
        return Ok(Taken::Settled);
    }
    let key = EnvironmentKey {
        service: release.service.clone(),
        environment: Environment::Dev,
    };
    let dev = journal
        .load_fresh::<ServiceEnvironment>(&key.to_string())
        .await?
        .state;
    let mut open = dev.in_flight.iter().chain(&dev.queue);
    if dev.has_run(&release.version) || open.any(|promotion| promotion.release == release.version) {
        return Ok(Taken::Settled);
    }
    let mut context = parts.context(&release.to_string());
    // A service made anew under the name may have a release of the same version.
    let incarnation = service.incarnation.map(|run| run.to_string());
    let once = format!("to-dev:{release}@{}", incarnation.unwrap_or_default());
    context.idempotency = Some(IdempotencyKey {
        fingerprint: once.clone(),
        key: once,
    });
    let request = PromoteRelease {
        key,
        release: release.version.clone(),
        change_reference: None,
        when_busy: WhenBusy::Queue,
    };
    match parts.commands.promote(&context, request).await {
        Ok(_) => Ok(Taken::Settled),
        Err(CommandError::Journal(error)) => Err(error),
        Err(error) => Ok(Taken::Refused(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let pauses = |refusals| until_next(Duration::from_secs(5), refusals).as_secs();
        let all: Vec<_> = (0..8).map(pauses).collect();
        assert_eq!(all, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(pauses(u32::MAX), 300);
    }
}
