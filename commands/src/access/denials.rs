//! Recording who was refused what, without making anybody wait for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opstella_domain::access::log::AccessCommand;
use opstella_domain::{ProjectSlug, Subject};
use opstella_journal::{EventMetadata, Journal};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::origin::address_block;
use super::quota::Quota;
use super::record;
use crate::CommandContext;

/// Denials, and failed sign-ins, that wait to be written.
const WAITING: usize = 1000;
/// Longest time to write what waits when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Takes denials. Never waits and never fails: what is too much is counted in
/// `opstella_denials_total{recorded="false"}`. Anybody may fail to sign in: that takes no room from denials of callers who
/// are known.
#[derive(Debug, Clone)]
pub struct DenialLog {
    denials: Lane,
    sign_ins: Lane,
}

/// A way to the writer, with its own bounds.
#[derive(Debug, Clone)]
struct Lane {
    quota: Arc<Mutex<Quota>>,
    sender: mpsc::Sender<Denial>,
}

impl Lane {
    fn new() -> (Self, mpsc::Receiver<Denial>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let lane = Self {
            quota: Arc::default(),
            sender,
        };
        (lane, receiver)
    }

    /// Whether one more of that origin is to be recorded.
    fn is_due(&self, origin: &str) -> bool {
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        quota.take(origin, Instant::now())
    }

    fn send(&self, denial: Denial) -> bool {
        self.sender.try_send(denial).is_ok()
    }
}

/// Writes what a [`DenialLog`] took.
pub struct DenialWriter {
    denials: mpsc::Receiver<Denial>,
    sign_ins: mpsc::Receiver<Denial>,
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
        let (denials, waiting_denials) = Lane::new();
        let (sign_ins, waiting_sign_ins) = Lane::new();
        let writer = DenialWriter {
            denials: waiting_denials,
            sign_ins: waiting_sign_ins,
            journal,
        };
        (Self { denials, sign_ins }, writer)
    }

    pub(super) fn record(
        &self,
        context: &CommandContext,
        operation: &'static str,
        project: Option<&ProjectSlug>,
        hidden: bool,
    ) {
        let subject = &context.actor.subject;
        let recorded = self.denials.is_due(subject) && self.send(context, operation, project, hidden);
        let label = if recorded { "true" } else { "false" };
        metrics::counter!("opstella_denials_total", "operation" => operation, "recorded" => label)
            .increment(1);
        tracing::info!(actor = %subject, operation, project = project.map(tracing::field::display), "denied");
    }

    /// A sign-in that failed. Of one address, or network of IPv6, no more are recorded than
    /// denials of one subject.
    pub(super) fn record_failed_sign_in(
        &self,
        context: &CommandContext,
        subject: Option<Subject>,
        client: &str,
        reason: &str,
    ) {
        let address = context.actor.address.as_deref().unwrap_or_default();
        let due = self.sign_ins.is_due(&address_block(address));
        let stream = subject.or_else(|| Subject::try_from(context.actor.subject.clone()).ok());
        let denial = stream.filter(|_| due).map(|subject| Denial {
            subject,
            metadata: context.metadata("SignIn"),
            command: AccessCommand::FailSignIn {
                client: client.to_owned(),
                reason: reason.to_owned(),
            },
        });
        let recorded = denial.is_some_and(|denial| self.sign_ins.send(denial));
        let label = if recorded { "true" } else { "false" };
        metrics::counter!("opstella_failed_sign_ins_total", "recorded" => label).increment(1);
        tracing::info!(address, reason, "a sign-in failed");
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
        self.denials.send(denial)
    }
}

impl DenialWriter {
    /// Writes until cancelled; what waits then is still written, within a bound.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            let next = tokio::select! {
                next = self.next() => next,
                () = cancel.cancelled() => break,
            };
            match next {
                Some(denial) => self.keep(denial).await,
                None => return,
            }
        }
        let rest = async {
            while let Ok(denial) = self.denials.try_recv().or_else(|_| self.sign_ins.try_recv()) {
                self.keep(denial).await;
            }
        };
        if timeout(LAST_WORDS, rest).await.is_err() {
            tracing::warn!("not all denials could be recorded before the end");
        }
    }

    /// What is to be written next: denials before failed sign-ins.
    async fn next(&mut self) -> Option<Denial> {
        tokio::select! {
            biased;
            Some(denial) = self.denials.recv() => Some(denial),
            Some(failure) = self.sign_ins.recv() => Some(failure),
            else => None,
        }
    }

    async fn keep(&self, denial: Denial) {
        let Denial {
            subject,
            metadata,
            command,
        } = denial;
        if let Err(error) = record::append(&self.journal, &subject, &metadata, &command, None).await {
            metrics::counter!("opstella_denials_lost_total").increment(1);
            tracing::warn!(%error, actor = %subject, "a denial could not be recorded");
        }
    }
}
