//! Opstella's client: the commands of `opstella` that talk to a server.
//!
//! A command is parsed ([`ClientCommand`]), carried out against the public API ([`http`]) with the token of [`auth`], and
//! becomes one [`Answer`]: a JSON document, text for people, and an exit code. [`run`] prints it. Nothing but the answer is
//! ever written to standard output; progress and errors go to standard error.
//!
//! Start reading at `cli.rs`; each command has its file in `commands/`. The crate knows the API as its description
//! tells it, not the server's code: answers are read as JSON and unknown fields are passed on.

mod answer;
mod args;
pub mod auth;
mod cli;
mod commands;
mod context;
mod error;
mod exit;
pub mod http;
mod output;
mod progress;
mod values;

pub use answer::Answer;
pub use args::{ClientArgs, With};
pub use cli::{ClientCommand, run, watch};
pub use commands::runs::Watch;
pub use error::ClientError;
pub use exit::Exit;
