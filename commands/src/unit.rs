//! The way of every command: authorise, load, decide, append; decided anew where somebody else was faster.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use opstella_domain::{Decide, ProjectSlug};
use opstella_journal::{Append, IdempotencyClaim, Journal, JournalError, Loaded, StreamAppend};
use rand::RngExt;
use tracing::Instrument;

use crate::anew::{anew, depends_on_state, is_anew};
use crate::gate::GateProgram;
use crate::{Accepted, Authoriser, CommandContext, CommandError, DenialLog};

/// Tries of a command that conflicts with concurrent ones.
const MAX_TRIES: u32 = 10;

/// What commands need to know about this installation.
#[derive(Debug, Clone)]
pub struct CommandOptions {
    /// Where tools call Opstella, without a trailing slash.
    pub public_url: String,
    /// The connections that services are provisioned on.
    pub connection: opstella_domain::ConnectionName,
    /// How long a deployment may take to become healthy, in minutes.
    pub deploy_wait_minutes: u32,
}

/// Takes commands. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    pub(crate) journal: Journal,
    pub(crate) options: Arc<CommandOptions>,
    pub(crate) authoriser: Arc<dyn Authoriser>,
    pub(crate) denials: Option<DenialLog>,
    pub(crate) gates: Option<GateProgram>,
    /// Who makes a subscription takes turns with others of this process.
    pub(crate) subscribing: Arc<tokio::sync::Mutex<()>>,
}

/// What a command decided: events by stream, and the answer.
pub(crate) struct Decision {
    pub streams: Vec<StreamAppend>,
    pub answer: Accepted,
}

impl Commands {
    /// Commands on a journal.
    pub fn new(journal: Journal, authoriser: Arc<dyn Authoriser>, options: CommandOptions) -> Self {
        Self {
            journal,
            authoriser,
            denials: None,
            gates: None,
            subscribing: Arc::default(),
            options: Arc::new(options),
        }
    }

    /// The same, recording in this log who was refused what.
    #[must_use]
    pub fn recording(mut self, denials: DenialLog) -> Self {
        self.denials = Some(denials);
        self
    }

    /// The same, with a program that looks at custom gates. Without one, nobody can look at them: policies take none, and
    /// a promotion whose policy has some stays as it is.
    #[must_use]
    pub fn looking_with(mut self, program: GateProgram) -> Self {
        self.gates = Some(program);
        self
    }

    /// The journal that the commands are appended to.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Carries a command out: its name is the operation that the table of permissions knows. `decide` is called again, with the aggregates loaded anew, when somebody else appended
    /// to one of them in between.
    pub(crate) async fn carry_out<D, F>(
        &self,
        command: &'static str,
        context: &CommandContext,
        project: Option<&ProjectSlug>,
        decide: D,
    ) -> Result<Accepted, CommandError>
    where
        D: Fn() -> F,
        F: Future<Output = Result<Decision, CommandError>>,
    {
        let span = tracing::info_span!(
            "command",
            command,
            actor = %context.actor.subject,
            correlation = %context.correlation
        );
        let work = async {
            self.permit(context, command, project).await?;
            if let Some(first) = self.first_answer(context).await? {
                return Ok(first);
            }
            match self.decide_and_append(command, context, &decide).await {
                Err(error) if depends_on_state(&error) => {}
                done => return done,
            }
            match anew(self.decide_and_append(command, context, &decide)).await {
                // An equal request that was faster is no reason to refuse this one.
                Err(error) if depends_on_state(&error) => self.first_answer(context).await?.ok_or(error),
                done => done,
            }
        };
        let result = work.instrument(span).await;
        let outcome = if result.is_ok() { "accepted" } else { "refused" };
        metrics::counter!("opstella_commands_total", "command" => command, "outcome" => outcome).increment(1);
        result
    }

    /// What an equal request was answered before.
    async fn first_answer(&self, context: &CommandContext) -> Result<Option<Accepted>, CommandError> {
        let Some(idempotency) = &context.idempotency else {
            return Ok(None);
        };
        match self
            .journal
            .claimed(&context.actor.subject, &idempotency.key)
            .await?
        {
            Some(claim) => replay(claim.verdict(&idempotency.key, &idempotency.fingerprint)).map(Some),
            None => Ok(None),
        }
    }

    async fn decide_and_append<D, F>(
        &self,
        command: &'static str,
        context: &CommandContext,
        decide: &D,
    ) -> Result<Accepted, CommandError>
    where
        D: Fn() -> F,
        F: Future<Output = Result<Decision, CommandError>>,
    {
        let mut tries = 1;
        loop {
            // After a conflict, what is remembered is known to be old.
            let mut decision = match tries {
                1 => decide().await?,
                _ => anew(decide()).await?,
            };
            if !is_anew() && decision.streams.iter().all(StreamAppend::is_empty) {
                decision = anew(decide()).await?;
            }
            let Decision { streams, mut answer } = decision;
            let mut append = Append::new(context.metadata(command), streams);
            if let Some(idempotency) = &context.idempotency {
                let kept = serde_json::to_value(&answer).map_err(|_| CommandError::UnreadableAnswer)?;
                let (key, fingerprint) = (idempotency.key.clone(), idempotency.fingerprint.clone());
                append = append.claiming(IdempotencyClaim::new(
                    &context.actor.subject,
                    key,
                    fingerprint,
                    kept,
                ));
            }
            match self.journal.append(append).await {
                Ok(appended) => {
                    answer.position = appended.position;
                    return Ok(answer);
                }
                Err(JournalError::Conflict { .. }) if tries < MAX_TRIES => {
                    // Not all losers come back at once.
                    let pause = rand::rng().random_range(1..=5 * u64::from(tries));
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    tries += 1;
                }
                Err(error) => return replay(error),
            }
        }
    }

    /// Loads an aggregate and checks the version that the client expects.
    pub(crate) async fn load_expected<A: Decide + cqrs_es::Aggregate>(
        &self,
        id: &str,
        context: &CommandContext,
    ) -> Result<Loaded<A>, CommandError> {
        as_expected(self.load::<A>(id).await?, context)
    }

    /// The same, of an aggregate that the command is about to make: the table is asked only when it turns out to be there.
    pub(crate) async fn load_new_expected<A: Decide + cqrs_es::Aggregate>(
        &self,
        id: &str,
        context: &CommandContext,
    ) -> Result<Loaded<A>, CommandError> {
        as_expected(self.load_new::<A>(id).await?, context)
    }
}

fn as_expected<A>(loaded: Loaded<A>, context: &CommandContext) -> Result<Loaded<A>, CommandError> {
    match context.expected_version {
        Some(expected) if expected != loaded.version => Err(CommandError::VersionMismatch {
            id: loaded.id,
            expected,
            actual: loaded.version,
        }),
        _ => Ok(loaded),
    }
}

/// The first answer, where the error is that there was one.
fn replay(error: JournalError) -> Result<Accepted, CommandError> {
    match error {
        JournalError::IdempotencyReplay { answer, position } => {
            let mut answer: Accepted =
                serde_json::from_value(answer).map_err(|_| CommandError::UnreadableAnswer)?;
            answer.position = position;
            answer.replayed = true;
            Ok(answer)
        }
        other => Err(other.into()),
    }
}
