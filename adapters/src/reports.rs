//! Reports that tools keep themselves: evidence that is fetched, not sent.

use chrono::{DateTime, Utc};
use opstella_domain::evidence::{ArtifactKey, ReportKind};
use opstella_domain::naming::{QualityKey, RegistryProject};
use opstella_domain::release::{Commit, Digest};
use opstella_domain::{ComponentName, Tool};

/// What a tool is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportSource {
    /// SonarQube's quality gate of a commit.
    QualityGate {
        /// Of which project.
        key: QualityKey,
        /// Of which commit.
        commit: Commit,
    },
    /// Harbor's scan overview of an image.
    RegistryScan {
        /// In which project.
        project: RegistryProject,
        /// In which repository.
        repository: ComponentName,
        /// Of which image.
        digest: Digest,
    },
}

impl ReportSource {
    /// The kinds of which tools keep reports.
    pub const KINDS: [ReportKind; 2] = [ReportKind::QualityGate, ReportKind::RegistryScan];

    /// Where the report of that kind on an image, built from that commit, is; none where no tool keeps such.
    pub fn of(kind: ReportKind, image: &ArtifactKey, commit: &Commit) -> Option<Self> {
        match kind {
            ReportKind::QualityGate => Some(Self::QualityGate {
                key: QualityKey::of(&image.service, &image.component),
                commit: commit.clone(),
            }),
            ReportKind::RegistryScan => Some(Self::RegistryScan {
                project: RegistryProject::of(&image.service),
                repository: image.component.clone(),
                digest: image.digest.clone(),
            }),
            _ => None,
        }
    }

    /// What kind of report.
    pub fn kind(&self) -> ReportKind {
        match self {
            Self::QualityGate { .. } => ReportKind::QualityGate,
            Self::RegistryScan { .. } => ReportKind::RegistryScan,
        }
    }

    /// Who keeps it.
    pub fn tool(&self) -> Tool {
        match self {
            Self::QualityGate { .. } => Tool::SonarQube,
            Self::RegistryScan { .. } => Tool::Harbor,
        }
    }
}

/// A report as its tool gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedReport {
    /// Its bytes.
    pub content: Vec<u8>,
    /// When it was made, where it does not say so itself.
    pub made_at: Option<DateTime<Utc>>,
}
