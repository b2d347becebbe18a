//! Follows the journal: whose reports are asked for from now on.

use std::collections::BTreeSet;

use chrono::Utc;
use opstella_domain::Decide;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Release, ReleaseEvent, ReleaseImage, ReleaseKey};
use opstella_journal::{Batch, JournalError, RecordedEvent};

use super::{Parts, images, notes};
use crate::ReportSource;
use crate::background::keep_following;

const BATCH: usize = 200;

/// Follows the journal until it is time to stop.
pub(super) async fn run(parts: &Parts) {
    keep_following("collector", &parts.stop, || follow(parts)).await;
}

async fn follow(parts: &Parts) -> Result<(), JournalError> {
    let journal = parts.commands.journal();
    let pool = journal.pool();
    let mut subscription = journal.subscribe(notes::checkpoint(pool).await?);
    loop {
        let batch: Batch = tokio::select! {
            batch = subscription.next(BATCH) => batch?,
            () = parts.stop.cancelled() => return Ok(()),
        };
        for event in &batch.events {
            note(parts, event).await?;
        }
        for key in environments(&batch) {
            let now = journal.load_fresh::<ServiceEnvironment>(&key.to_string()).await?;
            images::note(pool, &key, &now.state, parts.options.again_every).await?;
        }
        // Whatever was not noted before a crash is noted again, in the same order.
        notes::note_position(pool, batch.position).await?;
    }
}

/// The environments to which something happened; a look at gates changes nothing about what they carry.
fn environments(batch: &Batch) -> BTreeSet<EnvironmentKey> {
    let of_environment = |event: &&RecordedEvent| {
        event.aggregate_type == <ServiceEnvironment as Decide>::TYPE && event.event_type != "GatesEvaluated"
    };
    let events = batch.events.iter().filter(of_environment);
    events
        .filter_map(|event| event.aggregate_id.parse().ok())
        .collect()
}

/// The images that an event brings; none where it brings none.
fn brought(event: &RecordedEvent) -> Result<Vec<ReleaseImage>, JournalError> {
    if event.aggregate_type != <Release as Decide>::TYPE {
        return Ok(vec![]);
    }
    Ok(match event.payload_as()? {
        ReleaseEvent::ReleaseRegistered { images, .. } | ReleaseEvent::ReleaseImagesAdded { images, .. } => {
            images
        }
        _ => vec![],
    })
}

/// Notes the images that an event brings, and forgets those that they take the place of. Not the release's others: a
/// newer release may have taken their place since.
async fn note(parts: &Parts, event: &RecordedEvent) -> Result<(), JournalError> {
    let age = (Utc::now() - event.recorded_at).to_std().unwrap_or_default();
    if age > parts.options.give_up_after {
        return Ok(());
    }
    let Ok(release) = event.aggregate_id.parse::<ReleaseKey>() else {
        return Ok(());
    };
    let pool = parts.commands.journal().pool();
    for image in brought(event)? {
        notes::forget_others(pool, &release.service, &image.component, &image.digest).await?;
        for kind in ReportSource::KINDS {
            let wanted = notes::Wanted {
                release: &release,
                component: &image.component,
                digest: &image.digest,
                kind,
            };
            notes::want(pool, &wanted, event.recorded_at).await?;
        }
    }
    Ok(())
}
