//! A server that plays the API, and the client as a process.

mod cli;
mod server;

pub use cli::{Cli, Ran};
pub use server::{Reply, Seen, Server};
