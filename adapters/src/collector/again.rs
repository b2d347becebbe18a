//! Asks for scans that tools make later, of images that wait in a promotion or run somewhere: what nobody knew when they were
//! scanned first may be known now.

use std::collections::BTreeSet;
use std::sync::Mutex;

use opstella_domain::Tool;
use opstella_domain::evidence::ReportKind;

use super::look::{PAGE, Seen, ask, carry_out};
use super::notes::Sought;
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
    let due = images::due(pool, KIND, PAGE).await?;
    carry_out(parts, due.into_iter().map(|sought| look(parts, sought, &away))).await
}

async fn look(parts: &Parts, sought: Sought, away: &Mutex<BTreeSet<Tool>>) -> Result<(), sqlx::Error> {
    let options = &parts.options;
    let next = match ask(parts, &sought, away).await {
        Seen::There | Seen::NotYet | Seen::Gone => options.again_every,
        Seen::Failed(_) => options.longest_pause.min(options.again_every),
    };
    images::postpone(parts.commands.journal().pool(), &sought.image, next).await
}
