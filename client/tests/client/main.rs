//! The client as a process, against an HTTP server that plays the API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod commands;
mod exit_codes;
mod help;
mod login;
mod output;
mod promotes;
mod retries;
mod streams;
mod support;
