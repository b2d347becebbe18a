//! `opstella completions`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

/// Prints the completions of a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell: load them with `source <(opstella completions bash)`, for example.
    shell: Shell,
}

/// Prints them.
pub(crate) fn print(what: Completions, mut whole: clap::Command) -> ExitCode {
    let name = whole.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(what.shell, &mut whole, name, &mut text);
    match io::stdout().write_all(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
