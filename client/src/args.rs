//! Arguments that every client command takes.

use std::convert::Infallible;
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use crate::values::duration;

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables and lines for people.
    Table,
    /// One JSON document.
    Json,
}

/// Which server, as whom, and how to answer.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Client options")]
pub struct ClientArgs {
    /// The server; the one that you logged in to last, if none is named.
    #[arg(long, global = true, env = "OPSTELLA_API_URL", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// An access token; that of `opstella login`, if none is given. Others can see arguments: prefer the variable.
    #[arg(long, global = true, env = "OPSTELLA_TOKEN", hide_env_values = true, value_name = "TOKEN",
        value_parser = |text: &str| Ok::<_, Infallible>(SecretString::from(text)))]
    pub(crate) token: Option<SecretString>,
    /// How to write the answer.
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORMAT"
    )]
    pub(crate) output: Format,
    /// Longest that one request may take: 30s, 2m.
    #[arg(long, global = true, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub(crate) request_timeout: Duration,
    /// Key under which a command is carried out once only, however often it is sent; a new one, if none is given.
    #[arg(long, global = true, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// No progress on standard error.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// A command with the arguments that every client command takes.
#[derive(Debug, Args)]
pub struct With<T: Args> {
    /// Its own arguments.
    #[command(flatten)]
    pub(crate) what: T,
    /// Those of every client command.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
