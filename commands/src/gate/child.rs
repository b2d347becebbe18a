//! The child: it bounds itself, reads the question, looks, and answers.

use std::io::{Read, Write};
use std::process::ExitCode;

use nix::sys::resource::{Resource, setrlimit};

use super::exchange::{Answer, LARGEST_QUESTION, MARK, Question};
use super::look::look;

/// Memory that it may have, in bytes: its own and the module's.
const MEMORY: u64 = 64 << 20;
/// Time on a processor that it may take, in seconds.
const PROCESSOR_SECONDS: u64 = 1;

/// What the hidden command `opstella gate` does: one question on standard input, one answer on standard output. The
/// process that calls this has hard limits from then on.
pub fn child() -> ExitCode {
    match bound().map_err(|errno| errno.to_string()).and_then(|()| read()) {
        Ok(question) => tell(&look(question)),
        Err(message) => tell(&Answer::Broken { message }),
    }
}

/// Limits that the system holds the process to. What the allocator is refused ends the process.
fn bound() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_DATA, MEMORY, MEMORY)?;
    setrlimit(Resource::RLIMIT_CPU, PROCESSOR_SECONDS, PROCESSOR_SECONDS)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // The three that are open stay; no other is opened.
    setrlimit(Resource::RLIMIT_NOFILE, 3, 3)
}

fn read() -> Result<Question, String> {
    let mut text = Vec::new();
    let most = LARGEST_QUESTION as u64;
    std::io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut text)
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

fn tell(answer: &Answer) -> ExitCode {
    let told = serde_json::to_string(answer).map_err(std::io::Error::other);
    let told = told.and_then(|text| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{MARK}{text}")?;
        out.flush()
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
