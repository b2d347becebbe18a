//! Recording who was refused what, without making anybody wait for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opstella_domain::access::log::{Access, AccessCommand};
use opstella_domain::{Decide, ProjectSlug, Subject};
use opstella_journal::{Append, EventMetadata, Journal, JournalError, StreamAppend};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::quota::Quota;
use crate::{CommandContext, CommandError};

/// Denials that wait to be written.
const WAITING: usize = 1000;
/// Tries of an append that conflicts: another process records the same subject.
const TRIES: u32 = 5;
/// Longest time to write what waits when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Takes denials. Never waits and never fails: what is too much is counted in
/// `opstella_denials_total{recorded="false"}`.
#[derive(Debug, Clone)]
pub struct DenialLog {
    quota: Arc<Mutex<Quota>>,
    sender: mpsc::Sender<Denial>,
}

/// Writes what a [`DenialLog`] took.
pub struct DenialWriter {
    receiver: mpsc::Receiver<Denial>,
    journal: Journal,
}

#[derive(Debug)]
struct Denial {
    subject: Subject,
    metadata: EventMetadata,
    command: AccessCommand,
}

impl DenialLog {
    /// A log and what writes it to the journal.
    pub fn new(journal: Journal) -> (Self, DenialWriter) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let log = Self {
            quota: Arc::default(),
            sender,
        };
        (log, DenialWriter { receiver, journal })
    }

    pub(super) fn record(
        &self,
        context: &CommandContext,
        operation: &'static str,
        project: Option<&ProjectSlug>,
        hidden: bool,
    ) {
        let subject = &context.actor.subject;
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        let due = quota.take(subject, Instant::now());
        drop(quota);
        let recorded = due && self.send(context, operation, project, hidden);
        let label = if recorded { "true" } else { "false" };
        metrics::counter!("opstella_denials_total", "operation" => operation, "recorded" => label)
            .increment(1);
        tracing::info!(actor = %subject, operation, project = project.map(tracing::field::display), "denied");
    }

    fn send(
        &self,
        context: &CommandContext,
        operation: &'static str,
        project: Option<&ProjectSlug>,
        hidden: bool,
    ) -> bool {
        let Ok(subject) = Subject::try_from(context.actor.subject.clone()) else {
            return false;
        };
        let denial = Denial {
            subject,
            metadata: context.metadata(operation),
            command: AccessCommand::Deny {
                operation: operation.to_owned(),
                project: project.cloned(),
                hidden,
            },
        };
        self.sender.try_send(denial).is_ok()
    }
}

impl DenialWriter {
    /// Writes until cancelled; what waits then is still written, within a bound.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            let denial = tokio::select! {
                denial = self.receiver.recv() => denial,
                () = cancel.cancelled() => break,
            };
            match denial {
                Some(denial) => self.keep(denial).await,
                None => return,
            }
        }
        let rest = async {
            while let Ok(denial) = self.receiver.try_recv() {
                self.keep(denial).await;
            }
        };
        if timeout(LAST_WORDS, rest).await.is_err() {
            tracing::warn!("not all denials could be recorded before the end");
        }
    }

    async fn keep(&self, denial: Denial) {
        let subject = denial.subject.clone();
        if let Err(error) = self.write(denial).await {
            metrics::counter!("opstella_denials_lost_total").increment(1);
            tracing::warn!(%error, actor = %subject, "a denial could not be recorded");
        }
    }

    async fn write(&self, denial: Denial) -> Result<(), CommandError> {
        let mut tries = 1;
        loop {
            let loaded = self.journal.load::<Access>(denial.subject.as_str()).await?;
            let events = loaded.state.decide(denial.command.clone())?;
            let stream = StreamAppend::of(&loaded, events)?;
            match self
                .journal
                .append(Append::new(denial.metadata.clone(), vec![stream]))
                .await
            {
                Ok(_) => return Ok(()),
                Err(JournalError::Conflict { .. }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
