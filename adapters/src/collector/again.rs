//! Asks for scans that tools make later, of images that wait in a promotion or run somewhere: what nobody knew when they were
//! scanned first may be known now.

use std::collections::BTreeSet;
use std::sync::Mutex;

use futures::StreamExt;
use opstella_domain::Tool;
use opstella_domain::evidence::ReportKind;

use super::look::{PAGE, Seen, ask};
use super::notes::Due;
use super::{Parts, images};
use crate::background::pause;

/// What is scanned again although nothing was built anew. Of SonarQube's analyses its webhook tells.
const KIND: ReportKind = ReportKind::RegistryScan;

/// Asks for what is due, again and again.
pub(super) async fn run(parts: &Parts) {
    while pause(&parts.stop, parts.options.tick).await {
        if let Err(error) = round(parts).await {
            tracing::warn!(%error, "the collector's notes on images could not be read; trying again");
        }
    }
}

async fn round(parts: &Parts) -> Result<(), sqlx::Error> {
    let pool = parts.commands.journal().pool();
    let away = Mutex::new(BTreeSet::new());
    let due = futures::stream::iter(images::due(pool, KIND, PAGE).await?);
    let looks = due.map(|due| look(parts, due, &away));
    let mut looks = looks.buffer_unordered(parts.options.at_once);
    while let Some(noted) = looks.next().await {
        noted?;
        if parts.stop.is_cancelled() {
            return Ok(());
        }
    }
    Ok(())
}

async fn look(parts: &Parts, due: Due, away: &Mutex<BTreeSet<Tool>>) -> Result<(), sqlx::Error> {
    let options = &parts.options;
    let next = match ask(parts, &due, away).await {
        Seen::There | Seen::NotYet | Seen::Gone => options.again_every,
        Seen::Failed(_) => options.longest_pause.min(options.again_every),
    };
    images::postpone(parts.commands.journal().pool(), &due.image, next).await
}
