//! Releases: their images, waivers, and the evidence on each image.

mod artifacts;
mod dashboard;
mod fold;
mod rows;

use async_trait::async_trait;
use opstella_domain::Decide;
use opstella_domain::evidence::{Artifact, ArtifactEvent};
use opstella_domain::release::{Release, ReleaseEvent, ReleaseKey};
use opstella_domain::service::Service;
use opstella_journal::RecordedEvent;
use sqlx::PgConnection;

use super::place::key;
use crate::decode::decode;
use crate::{ApplyError, DashboardView, Projection};

/// What CI built, and what reports say of it.
#[derive(Debug, Clone, Copy)]
pub struct Releases;

#[async_trait]
impl Projection for Releases {
    fn name(&self) -> &'static str {
        "releases"
    }

    fn version(&self) -> i32 {
        5
    }

    fn tables(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        dashboard::VIEWS
    }

    fn aggregates(&self) -> Option<&'static [&'static str]> {
        Some(&[
            <Release as Decide>::TYPE,
            <Artifact as Decide>::TYPE,
            <Service as Decide>::TYPE,
        ])
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let mut releases: Vec<(ReleaseKey, &RecordedEvent, ReleaseEvent)> = Vec::new();
        let mut artifacts: Vec<(&RecordedEvent, ArtifactEvent)> = Vec::new();
        for event in batch {
            match event.aggregate_type.as_str() {
                <Release as Decide>::TYPE => releases.push((key(event)?, event, decode(event)?)),
                <Artifact as Decide>::TYPE => artifacts.push((event, decode(event)?)),
                // One that is made anew under the name of one that is gone has none of its releases.
                <Service as Decide>::TYPE if event.event_type == "ServiceRequested" => {
                    fold::apply(tx, std::mem::take(&mut releases)).await?;
                    fold::forget(tx, &key(event)?).await?;
                }
                _ => {}
            }
        }
        fold::apply(tx, releases).await?;
        artifacts::apply(tx, artifacts).await
    }
}
