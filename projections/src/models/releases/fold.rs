//! Releases: loads those that a batch concerns, folds the events in, writes them back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::release::{ReleaseEvent, ReleaseImage, ReleaseKey, Waiver, WaiverId};
use opstella_domain::{ServiceKey, Subject};
use opstella_journal::RecordedEvent;
use serde::Serialize;
use sqlx::PgConnection;

use super::rows::{
    FORGET, IMAGES, ImageRow, LOAD, RELEASES, REVOCATIONS, ReleaseRow, RevocationRow, WAIVERS, WaiverRow,
};
use crate::ApplyError;
use crate::decode::{bigint, halves};
use crate::models::place::{self, refused};
use crate::models::rows;

#[derive(Serialize)]
struct Key {
    project: String,
    service: String,
    version: String,
}

impl Key {
    fn of(key: &ReleaseKey) -> Self {
        let (project, service) = place::halves(&key.service);
        let version = key.version.to_string();
        Self {
            project,
            service,
            version,
        }
    }
}

#[derive(Default)]
struct Changes {
    releases: BTreeMap<ReleaseKey, ReleaseRow>,
    images: Vec<ImageRow>,
    /// Granted in this batch.
    waivers: BTreeMap<(ReleaseKey, WaiverId), WaiverRow>,
    /// Of waivers that were granted before it.
    revocations: Vec<RevocationRow>,
}

pub(super) async fn apply(
    tx: &mut PgConnection,
    events: Vec<(ReleaseKey, &RecordedEvent, ReleaseEvent)>,
) -> Result<(), ApplyError> {
    let concerned: BTreeSet<&ReleaseKey> = events.iter().map(|(key, ..)| key).collect();
    let keys: Vec<Key> = concerned.into_iter().map(Key::of).collect();
    let mut changes = Changes::default();
    for row in rows::read::<_, ReleaseRow>(tx, LOAD, &keys).await? {
        changes.releases.insert(key_of(&row)?, row);
    }
    for (key, recorded, event) in events {
        changes.fold(key, recorded, event)?;
    }
    changes.write(tx).await
}

/// Forgets the releases of a service.
pub(super) async fn forget(tx: &mut PgConnection, service: &ServiceKey) -> Result<(), ApplyError> {
    let (project, service) = place::halves(service);
    for statement in FORGET {
        sqlx::query(statement)
            .bind(&project)
            .bind(&service)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

fn key_of(row: &ReleaseRow) -> Result<ReleaseKey, ApplyError> {
    Ok(ReleaseKey {
        service: ServiceKey {
            project: rows::unslug(&row.project)?,
            service: rows::unslug(&row.service)?,
        },
        version: rows::unslug(&row.version)?,
    })
}

impl Changes {
    fn fold(
        &mut self,
        key: ReleaseKey,
        recorded: &RecordedEvent,
        event: ReleaseEvent,
    ) -> Result<(), ApplyError> {
        if matches!(event, ReleaseEvent::ReleaseRegistered { .. }) {
            self.releases.insert(key.clone(), registered(&key, recorded));
        }
        let release = self
            .releases
            .get_mut(&key)
            .ok_or_else(|| refused(recorded, format!("there is no release {key}")))?;
        release.updated_at = recorded.recorded_at;
        release.sequence = bigint(recorded.sequence);
        match event {
            ReleaseEvent::ReleaseRegistered {
                images,
                author,
                co_authors,
                ..
            }
            | ReleaseEvent::ReleaseImagesAdded {
                images,
                author,
                co_authors,
            } => {
                let all = co_authors.iter().chain([&author]).map(ToString::to_string);
                release.authors.extend(all);
                release.authors.sort_unstable();
                release.authors.dedup();
                let added = images
                    .into_iter()
                    .map(|image| added(&key, image, &author, recorded.recorded_at));
                self.images.extend(added);
            }
            ReleaseEvent::ReleaseSealed { .. } => {
                release.sealed = true;
                release.sealed_at = Some(recorded.recorded_at);
            }
            ReleaseEvent::WaiverGranted { waiver } => {
                let row = granted(&key, &waiver, recorded.recorded_at);
                self.waivers.insert((key, waiver.id), row);
            }
            ReleaseEvent::WaiverRevoked { waiver, reason } => {
                if let Some(row) = self.waivers.get_mut(&(key.clone(), waiver)) {
                    row.revoked_at = Some(recorded.recorded_at);
                    row.revocation = Some(reason);
                } else {
                    let Key {
                        project,
                        service,
                        version,
                    } = Key::of(&key);
                    self.revocations.push(RevocationRow {
                        project,
                        service,
                        version,
                        id: waiver.0,
                        revoked_at: recorded.recorded_at,
                        revocation: reason,
                    });
                }
            }
        }
        Ok(())
    }

    async fn write(self, tx: &mut PgConnection) -> Result<(), ApplyError> {
        let releases: Vec<_> = self.releases.into_values().collect();
        let waivers: Vec<_> = self.waivers.into_values().collect();
        rows::write(tx, RELEASES, &releases).await?;
        rows::write(tx, IMAGES, &self.images).await?;
        rows::write(tx, REVOCATIONS, &self.revocations).await?;
        rows::write(tx, WAIVERS, &waivers).await
    }
}

fn registered(key: &ReleaseKey, recorded: &RecordedEvent) -> ReleaseRow {
    let Key {
        project,
        service,
        version,
    } = Key::of(key);
    let (transaction_id, position) = halves(recorded);
    ReleaseRow {
        project,
        service,
        version,
        sealed: false,
        authors: Vec::new(),
        registered_at: recorded.recorded_at,
        sealed_at: None,
        updated_at: recorded.recorded_at,
        sequence: bigint(recorded.sequence),
        transaction_id,
        position,
    }
}

fn added(key: &ReleaseKey, image: ReleaseImage, author: &Subject, at: DateTime<Utc>) -> ImageRow {
    let Key {
        project,
        service,
        version,
    } = Key::of(key);
    ImageRow {
        project,
        service,
        version,
        component: image.component.to_string(),
        digest: image.digest.to_string(),
        commit: image.commit.to_string(),
        committed_at: image.committed_at,
        pipeline: image.pipeline,
        author: author.to_string(),
        added_at: at,
    }
}

fn granted(key: &ReleaseKey, waiver: &Waiver, at: DateTime<Utc>) -> WaiverRow {
    let Key {
        project,
        service,
        version,
    } = Key::of(key);
    WaiverRow {
        project,
        service,
        version,
        id: waiver.id.0,
        gate: waiver.gate.to_string(),
        finding: waiver.finding.clone(),
        reason: waiver.reason.clone(),
        granted_by: waiver.by.to_string(),
        granted_at: at,
        expires_at: waiver.expires_at,
        revoked_at: None,
        revocation: None,
    }
}
