//! The parent: starts the child, waits, and reads what it says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::exchange::{Answer, LARGEST_ANSWER, LARGEST_QUESTION, MARK, Question};
use super::read::bounded;

/// Children at once: looks at gates are no reason for the server to slow down.
pub(crate) const AT_ONCE: usize = 4;
/// Longest wait for a place among them.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Longest life of a child, its start included.
const LONGEST_LIFE: Duration = Duration::from_secs(2);
/// What is kept of its standard error.
const LONGEST_LAST_WORDS: usize = 4 << 10;

/// The program whose processes look at custom gates: `opstella gate`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GateProgram {
    program: PathBuf,
    arguments: Vec<OsString>,
    places: Arc<Semaphore>,
}

/// Why nobody looked: it is not the module's fault.
#[derive(Debug, Clone, Error)]
pub(crate) enum NoAnswer {
    #[error("the program that looks at it cannot be started: {0}")]
    NotStarted(String),
    #[error("the server is busy with other custom gates")]
    Busy,
    #[error("the evidence is larger than 8 MiB")]
    TooLarge,
}

impl GateProgram {
    /// A program with the arguments that make it call [`child`](super::child).
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Asks a child. One that took too long is asked once more: the machine may have been busy, and a gate that closes
    /// for a moment voids approvals.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let text = serde_json::to_vec(question).map_err(|error| NoAnswer::NotStarted(error.to_string()))?;
        if text.len() >= LARGEST_QUESTION {
            return Err(NoAnswer::TooLarge);
        }
        let place = timeout(LONGEST_WAIT, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(NoAnswer::Busy);
        };
        let answer = match self.ask_child(&text).await? {
            Answer::OutOfTime => self.ask_child(&text).await?,
            answer => answer,
        };
        metrics::counter!("opstella_custom_gates_total", "says" => label(&answer)).increment(1);
        Ok(answer)
    }

    async fn ask_child(&self, text: &[u8]) -> Result<Answer, NoAnswer> {
        let started = Command::new(&self.program)
            .args(&self.arguments)
            // The server's variables hold secrets.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let child = started.map_err(|error| NoAnswer::NotStarted(error.to_string()))?;
        match timeout(LONGEST_LIFE, converse(child, text)).await {
            Ok(answer) => answer,
            // The child is killed as its handle is dropped.
            Err(_) => Ok(Answer::OutOfTime),
        }
    }
}

async fn converse(mut child: Child, text: &[u8]) -> Result<Answer, NoAnswer> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(NoAnswer::NotStarted("it has no pipes".to_owned()));
    };
    let ask = async move {
        // A child that ends before it has read everything says by its end why.
        let _ = stdin.write_all(text).await;
    };
    let ((), said, last_words) = tokio::join!(
        ask,
        bounded(stdout, LARGEST_ANSWER),
        bounded(stderr, LONGEST_LAST_WORDS)
    );
    let status = child
        .wait()
        .await
        .map_err(|error| NoAnswer::NotStarted(error.to_string()))?;
    let said = String::from_utf8_lossy(&said);
    let answer = said.lines().rev().find_map(|line| line.strip_prefix(MARK));
    if let Some(answer) = answer.and_then(|text| serde_json::from_str(text).ok()) {
        return Ok(answer);
    }
    Ok(died(status, &String::from_utf8_lossy(&last_words)))
}

/// What the end of a child means that did not answer.
fn died(status: std::process::ExitStatus, last_words: &str) -> Answer {
    use std::os::unix::process::ExitStatusExt;
    if last_words.contains("memory allocation of") {
        return Answer::OutOfMemory;
    }
    match status.signal() {
        // The limits on the processor's time.
        Some(nix::libc::SIGXCPU | nix::libc::SIGKILL) => Answer::OutOfTime,
        _ => {
            tracing::warn!(%status, last_words, "a custom gate's process died");
            Answer::Broken {
                message: format!("its process ended without an answer ({status})"),
            }
        }
    }
}

fn label(answer: &Answer) -> &'static str {
    match answer {
        Answer::Compiles => "compiles",
        Answer::Passed => "passed",
        Answer::Denied { .. } => "denied",
        Answer::DoesNotCompile { .. } => "does_not_compile",
        Answer::Undefined => "undefined",
        Answer::WrongType { .. } => "wrong_type",
        Answer::OutOfTime => "out_of_time",
        Answer::OutOfMemory => "out_of_memory",
        Answer::Broken { .. } => "broken",
    }
}
