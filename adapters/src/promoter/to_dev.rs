//! Sealed releases go to DEV. One that is refused for now, because the queue is full or a tool is not connected, is noted
//! and asked for again: until it is there, a newer one takes its place, or the service is gone.

use opstella_commands::{CommandError, IdempotencyKey, PromoteRelease};
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment, WhenBusy};
use opstella_domain::release::ReleaseKey;
use opstella_domain::service::{Lifecycle, Service};
use opstella_domain::{Environment, ServiceKey};
use opstella_journal::JournalError;

use super::{Parts, notes};

const PAGE: i64 = 200;

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
    let _alone = parts.to_dev.lock().await;
    match attempt(parts, release).await? {
        Taken::Settled => notes::forget_release(pool, &release.service).await?,
        Taken::Refused(error) => {
            tracing::warn!(%release, %error, "the release does not go to DEV yet; trying again");
            notes::keep_release(pool, release).await?;
        }
    }
    Ok(())
}

/// Asks again for all that were refused.
pub(super) async fn take_again(parts: &Parts) -> Result<(), JournalError> {
    let pool = parts.commands.journal().pool();
    let mut after = String::new();
    loop {
        let page = notes::waiting_for_dev(pool, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.to_string();
        for service in page {
            if parts.stop.is_cancelled() {
                return Ok(());
            }
            again(parts, &service).await?;
        }
    }
}

async fn again(parts: &Parts, service: &ServiceKey) -> Result<(), JournalError> {
    let pool = parts.commands.journal().pool();
    let _alone = parts.to_dev.lock().await;
    // A newer one may have taken its place since the page was read.
    let Some(release) = notes::kept_release(pool, service).await? else {
        return Ok(());
    };
    match attempt(parts, &release).await? {
        Taken::Settled => notes::forget_release(pool, service).await?,
        Taken::Refused(error) => tracing::debug!(%release, %error, "the release still does not go to DEV"),
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
    let once = format!("to-dev:{release}");
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
