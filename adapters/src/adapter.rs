//! What every tool's adapter implements.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use opstella_domain::evidence::ArtifactKey;
use opstella_domain::naming::SecretPath;
use opstella_domain::operation::{Operation, Owner};
use opstella_domain::release::Digest;
use opstella_domain::resource::{Commit, StepOutcome};
use opstella_domain::template::{TemplateFiles, TemplateRef};
use opstella_domain::{ProjectSlug, Tool};
use secrecy::SecretString;
use thiserror::Error;

use crate::reports::{FetchedReport, ReportSource};

/// Drives one connected tool.
#[async_trait]
pub trait ToolAdapter: Send + Sync {
    /// Which tool.
    fn tool(&self) -> Tool;

    /// Makes the resource be there: looks first, creates it only if it is absent, and brings what is ours up to
    /// date. Doing it twice changes nothing.
    ///
    /// A resource that is there and not ours ([`StepContext::owner`]) is a [`StepError::Permanent`] that names it,
    /// unless [`StepContext::adopt`] is set. One that this same run made in an earlier attempt, whose answer was lost,
    /// is reported as `Created`.
    ///
    /// # Errors
    /// [`StepError`], classed.
    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError>;

    /// Makes the resource be gone, as far as [`StepContext::removal`] allows: looks first, deletes only what is ours.
    /// Absent already is success.
    ///
    /// # Errors
    /// [`StepError`], classed.
    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError>;

    /// Looks at what an operation is about and changes nothing: for those who compare it later with what we recorded.
    ///
    /// # Errors
    /// [`StepError`], classed; [`StepError::Permanent`] where there is nothing to see.
    async fn observe(&self, operation: &Operation) -> Result<Observed, StepError> {
        Err(unobservable(self.tool(), operation))
    }

    /// What runs of everything in a project, by name, as the tool knows it without a closer look: one call, for those who
    /// look at much and often.
    ///
    /// # Errors
    /// [`StepError`], classed; [`StepError::Permanent`] where there is nothing to see.
    async fn survey(&self, project: &ProjectSlug) -> Result<BTreeMap<String, Observed>, StepError> {
        Err(StepError::Permanent {
            message: format!("{}: what runs in {project} cannot be surveyed", self.tool()),
        })
    }

    /// The report that the tool keeps, as it gives it; none where it has none yet.
    ///
    /// # Errors
    /// [`StepError`], classed; [`StepError::Permanent`] where it keeps no such reports.
    async fn report(&self, source: &ReportSource) -> Result<Option<FetchedReport>, StepError> {
        let tool = self.tool();
        Err(StepError::Permanent {
            message: format!("{tool} keeps no report of kind {}", source.kind()),
        })
    }

    /// The digests of the configurations of an image, one a platform; none where that is not known.
    ///
    /// # Errors
    /// [`StepError`], classed; [`StepError::Permanent`] where the tool keeps no images.
    async fn image_configs(&self, image: &ArtifactKey) -> Result<Vec<Digest>, StepError> {
        let tool = self.tool();
        Err(StepError::Permanent {
            message: format!("{tool} keeps no images: {image} was meant for Harbor"),
        })
    }

    /// Asks the tool whether it is there and takes our credential.
    ///
    /// # Errors
    /// [`StepError`], classed.
    async fn health(&self) -> Result<Health, StepError>;
}

/// The refusal to look where nothing is to be seen.
pub(crate) fn unobservable(tool: Tool, operation: &Operation) -> StepError {
    StepError::Permanent {
        message: format!("{tool}: what this operation is about cannot be observed: {operation:?}"),
    }
}

/// What runs, as the tool that deploys it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Images with tag or digest, as the tool lists them.
    pub images: Vec<String>,
    /// Whether that is what the repository says.
    pub synced: bool,
    /// The tool's word for how it is: `Healthy`, `Progressing`, `Degraded`, `Missing`.
    pub health: String,
}

impl Observed {
    /// Whether another version of this image, repository and digest, is among those that run. What comes from other
    /// repositories, such as a sidecar, is none.
    pub(crate) fn another_than<'a>(
        wanted: &str,
        mut images: impl Iterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let (repository, digest) = wanted.split_once('@')?;
        images.find(|image| {
            let version = image.strip_prefix(repository);
            let ours = version.is_some_and(|version| version.starts_with([':', '@']));
            ours && image.split_once('@').is_none_or(|(_, runs)| runs != digest)
        })
    }

    /// Nothing is there.
    pub(crate) fn missing() -> Self {
        Self {
            images: Vec::new(),
            synced: false,
            health: "Missing".to_owned(),
        }
    }
}

/// What a step is executed with.
#[derive(Clone)]
pub struct StepContext {
    /// On whose behalf: what ownership marks say.
    pub owner: Owner,
    /// Whether a resource that is there and not ours may be adopted.
    pub adopt: bool,
    /// Whether an earlier attempt of this step may have done the work already, and not said so: it was given up or failed
    /// on the way. One that failed with [`StepError::Permanent`] has left nothing. Where the tool cannot hold an
    /// ownership mark in the creating call, an unmarked resource younger than `run_started` is ours only then. Of a
    /// `remove` that undoes a step, it is said of the step.
    pub retried: bool,
    /// The commit by which this run names the image that the step is about, of a promotion that has come so far.
    pub commit: Option<Commit>,
    /// When the run began.
    pub run_started: DateTime<Utc>,
    /// How far `remove` may go.
    pub removal: Removal,
    /// Where generated credentials are kept.
    pub secrets: Arc<dyn SecretStore>,
    /// Where the files of templates come from.
    pub templates: Arc<dyn TemplateSource>,
}

/// How far a removal may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Unwinding: only what the owner's run made.
    ThisRun,
    /// Decommissioning: whatever is marked as the owner's service's, by any run. Shared resources stay.
    Service,
}

/// What a removal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It was there and is gone now.
    Deleted,
    /// It was gone already, or never there.
    Absent,
    /// It is there and stays: not ours to delete, or shared and in use.
    Kept,
}

/// Why a step did not succeed, and what that means for the run. Messages name the resource and say what to do;
/// they never hold a credential.
#[derive(Debug, Clone, Error)]
pub enum StepError {
    /// May work later: connection refused, timeout, 429, 5xx, an answer that is not the API's.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// How long the tool asked to wait.
        retry_after: Option<Duration>,
    },
    /// Under way in the tool: looked at again, which is no failure. How long that may go on is the operation's
    /// [`patience`](Operation::patience).
    #[error("{message}")]
    Awaited {
        /// What it waits for.
        message: String,
        /// When to look again.
        look_in: Duration,
    },
    /// Will not work by itself.
    #[error("{message}")]
    Permanent {
        /// What happened and what to do.
        message: String,
    },
    /// The tool does not take our credential (401): an operator has to mend it, nothing else is wrong.
    #[error("{message}")]
    Unauthorised {
        /// What happened and what to do.
        message: String,
    },
}

/// A tool that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The tool's version, as it says it.
    pub version: Option<String>,
}

/// Fields of a kept credential.
pub type SecretFields = BTreeMap<String, SecretString>;

/// A version of what is kept at a path; the default is that of a path where nothing was kept yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SecretVersion(pub u64);

/// Where generated credentials are kept: Vault's KV v2 engine. A credential goes from the tool that made it straight
/// here, and from here to whoever needs it.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The fields at a path; `None` where nothing is kept.
    ///
    /// # Errors
    /// [`StepError`], classed.
    async fn read(&self, path: &SecretPath) -> Result<Option<SecretFields>, StepError>;

    /// Which version is kept at a path that the owner may write to. Ask before the credential is made, and
    /// [`write`](Self::write) on top of it: of two processes that carry the same step out, one is refused.
    ///
    /// # Errors
    /// [`StepError`], classed.
    async fn version(&self, _path: &SecretPath, _owner: &Owner) -> Result<SecretVersion, StepError> {
        Ok(SecretVersion::default())
    }

    /// Keeps fields at a path, marked as the owner's, if that version is still the newest one.
    ///
    /// # Errors
    /// [`StepError`], classed; transient where another version came in between.
    async fn write(
        &self,
        path: &SecretPath,
        fields: SecretFields,
        owner: &Owner,
        on: SecretVersion,
    ) -> Result<(), StepError>;

    /// Deletes all versions of what is kept at a path, if it is marked as the owner's. False: there is no such thing.
    ///
    /// # Errors
    /// [`StepError`], classed.
    async fn delete(&self, path: &SecretPath, owner: &Owner) -> Result<bool, StepError>;
}

/// Where the files of templates come from.
#[async_trait]
pub trait TemplateSource: Send + Sync {
    /// The files of one version.
    ///
    /// # Errors
    /// [`StepError::Permanent`] where there is no such version.
    async fn files(&self, template: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError>;
}
