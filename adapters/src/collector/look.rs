//! Asks tools for the reports that are due, and records them as evidence.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use futures::StreamExt;
use opstella_commands::{AddEvidence, CommandContext, CommandError, Report};
use opstella_domain::evidence::{Artifact, Evidence, Origin, ReportKind};
use opstella_domain::release::ReleaseImage;
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{DomainError, Tool};
use opstella_evidence::{Expected, Parsed, ReportError, parse};
use tokio::time::timeout;

use super::notes::{self, Due, Sought};
use super::{ACTOR, Parts};
use crate::background::pause;
use crate::{FetchedReport, ReportSource, StepError};

/// Most reports that one round asks for.
pub(super) const PAGE: i64 = 100;
/// Longest time for which a tool is left alone because it wants it.
const LONGEST_WISH: Duration = Duration::from_secs(900);

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// There is evidence now, or was before.
    There,
    /// The tool has no result yet.
    NotYet,
    /// Nobody asks for it any more.
    Gone,
    /// The tool could not be asked, or what it answered not be read; how long it wants to be left alone.
    Failed(Option<Duration>),
}

/// Asks for what is due, again and again.
pub(super) async fn run(parts: &Parts) {
    while pause(&parts.stop, parts.options.tick).await {
        if let Err(error) = round(parts).await {
            tracing::warn!(%error, "the collector's notes could not be read; trying again");
        }
    }
}

/// Asks for what is due now.
async fn round(parts: &Parts) -> Result<(), sqlx::Error> {
    let pool = parts.commands.journal().pool();
    let due = notes::due(pool, PAGE).await?;
    // A tool that fails is not asked for the rest of the round.
    let away = Mutex::new(BTreeSet::new());
    carry_out(parts, due.into_iter().map(|due| look(parts, due, &away))).await
}

/// Carries out looks, so many at once, until it is time to stop.
pub(super) async fn carry_out(
    parts: &Parts,
    looks: impl Iterator<Item = impl Future<Output = Result<(), sqlx::Error>>>,
) -> Result<(), sqlx::Error> {
    let mut looks = futures::stream::iter(looks).buffer_unordered(parts.options.at_once);
    while let Some(noted) = looks.next().await {
        noted?;
        if parts.stop.is_cancelled() {
            return Ok(());
        }
    }
    Ok(())
}

/// Asks for a report, and records it.
pub(super) async fn ask(parts: &Parts, sought: &Sought, away: &Mutex<BTreeSet<Tool>>) -> Seen {
    counted(sought, see(parts, sought, away).await)
}

fn counted(sought: &Sought, seen: Result<Seen, CommandError>) -> Seen {
    let seen = match seen {
        Ok(seen) => seen,
        Err(CommandError::Domain(error)) if matches!(*error, DomainError::NotFound { .. }) => Seen::Gone,
        Err(error) => {
            tracing::warn!(image = %sought.image, kind = %sought.kind, %error, "evidence could not be recorded");
            Seen::Failed(None)
        }
    };
    let outcome = match seen {
        Seen::There => "there",
        Seen::NotYet => "not-yet",
        Seen::Gone => "gone",
        Seen::Failed(_) => "failed",
    };
    metrics::counter!("opstella_reports_asked_total", "kind" => sought.kind.slug(), "outcome" => outcome)
        .increment(1);
    seen
}

async fn look(parts: &Parts, due: Due, away: &Mutex<BTreeSet<Tool>>) -> Result<(), sqlx::Error> {
    let seen = counted(&due.sought, see_due(parts, &due, away).await);
    let pool = parts.commands.journal().pool();
    let wish = match seen {
        Seen::There | Seen::Gone => return notes::done(pool, &due).await,
        Seen::NotYet => None,
        Seen::Failed(retry_after) => retry_after,
    };
    let next = until_next(parts, due.looks).max(wish.unwrap_or_default().min(LONGEST_WISH));
    notes::postpone(pool, &due, next).await
}

/// How long until the next look, after so many.
fn until_next(parts: &Parts, looks: u32) -> Duration {
    let doubled = parts.options.first_pause.saturating_mul(1 << looks.min(16));
    doubled.min(parts.options.longest_pause)
}

/// Asks, unless it was asked for long enough or is there.
async fn see_due(parts: &Parts, due: &Due, away: &Mutex<BTreeSet<Tool>>) -> Result<Seen, CommandError> {
    let age = (Utc::now() - due.registered_at).to_std().unwrap_or_default();
    if age > parts.options.give_up_after {
        return Ok(Seen::Gone);
    }
    let sought = &due.sought;
    let artifact = artifact(parts, sought).await?;
    // What somebody sent is not what the tool says.
    if due.anew == 0 && artifact.has_fetched(sought.kind) {
        return Ok(Seen::There);
    }
    see(parts, sought, away).await
}

async fn artifact(parts: &Parts, sought: &Sought) -> Result<Arc<Artifact>, CommandError> {
    let journal = parts.commands.journal();
    let loaded = journal.load_fresh::<Artifact>(&sought.image.to_string()).await?;
    Ok(loaded.state)
}

async fn see(parts: &Parts, sought: &Sought, away: &Mutex<BTreeSet<Tool>>) -> Result<Seen, CommandError> {
    let image = parts
        .commands
        .release_image(&sought.release, &sought.image.component)
        .await?;
    let Some(source) = ReportSource::of(sought.kind, &sought.image, &image.commit) else {
        return Ok(Seen::Gone);
    };
    if lock(away).contains(&source.tool()) {
        return Ok(Seen::Failed(None));
    }
    match fetch(parts, &source).await? {
        Ok(Some(report)) => record(parts, sought, image, report).await,
        Ok(None) => Ok(Seen::NotYet),
        Err(error) => {
            tracing::debug!(image = %sought.image, kind = %sought.kind, %error, "a report could not be asked for");
            if !matches!(error, StepError::Permanent { .. }) {
                lock(away).insert(source.tool());
            }
            let retry_after = match error {
                StepError::Transient { retry_after, .. } => retry_after,
                _ => None,
            };
            Ok(Seen::Failed(retry_after))
        }
    }
}

fn lock(away: &Mutex<BTreeSet<Tool>>) -> std::sync::MutexGuard<'_, BTreeSet<Tool>> {
    away.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The outer error: it is not known which tool to ask.
async fn fetch(
    parts: &Parts,
    source: &ReportSource,
) -> Result<Result<Option<FetchedReport>, StepError>, CommandError> {
    let connection = ConnectionKey {
        tool: source.tool(),
        name: parts.commands.targets().await?.connection,
    };
    let asked = async { parts.toolbox.adapter(&connection).await?.report(source).await };
    let answer = timeout(parts.options.patience, asked).await;
    Ok(answer.unwrap_or_else(|_| {
        Err(StepError::Transient {
            message: format!("{} did not answer in time", source.tool()),
            retry_after: None,
        })
    }))
}

/// Records a report by the command that sent reports go by, unless it is the one that counts already.
async fn record(
    parts: &Parts,
    sought: &Sought,
    image: ReleaseImage,
    report: FetchedReport,
) -> Result<Seen, CommandError> {
    let made_at = report.made_at;
    let (content, parsed) = match read(sought.kind, image, report.content).await {
        Ok(read) => read,
        // No result is not a result.
        Err(ReportError::Unfinished { .. }) => return Ok(Seen::NotYet),
        Err(error) => {
            tracing::warn!(image = %sought.image, kind = %sought.kind, %error, "a tool's report was refused");
            return Ok(Seen::Failed(None));
        }
    };
    let parsed = Parsed {
        produced_at: parsed.produced_at.or(made_at),
        ..parsed
    };
    let artifact = artifact(parts, sought).await?;
    if artifact
        .newest(sought.kind)
        .is_some_and(|counts| is_same_scan(&parsed, counts))
    {
        return Ok(Seen::There);
    }
    let content_type = "application/json".to_owned();
    let original = Report {
        content,
        content_type,
    };
    let request = AddEvidence {
        key: sought.release.clone(),
        component: sought.image.component.clone(),
        evidence: parsed.into_evidence(Utc::now(), None).fetched(),
        scanned_at: None,
        original,
    };
    let context = CommandContext::system(ACTOR, sought.release.to_string());
    parts.commands.add_evidence(&context, request).await?;
    Ok(Seen::There)
}

/// Whether it is the same scan, in other words perhaps: a registry that was brought up to date may word it otherwise. A gate
/// of one analysis is another one where issues were resolved since.
fn is_same_scan(parsed: &Parsed, counts: &Evidence) -> bool {
    let same = parsed.produced_at.is_some() && parsed.produced_at == counts.produced_at;
    // What was sent may only look like it.
    counts.origin == Origin::Fetched && counts.kind == ReportKind::RegistryScan && same
}

/// Reads a report, on a thread that nobody else waits for: the largest take a while.
async fn read(
    kind: ReportKind,
    image: ReleaseImage,
    content: Vec<u8>,
) -> Result<(Vec<u8>, Parsed), ReportError> {
    let expected = Expected {
        digest: Some(image.digest),
        configs: Vec::new(),
        commit: Some(image.commit),
    };
    let work = move || parse(kind, &content, &expected).map(|parsed| (content, parsed));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(ReportError::Unfinished {
            why: "it could not be read".to_owned(),
        })
    })
}
