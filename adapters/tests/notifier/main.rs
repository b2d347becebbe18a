//! The notifier on a real journal, with receivers that speak real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod backlog;
mod failures;
mod guarded;
mod operated;
mod processes;
#[path = "../support/receiver.rs"]
mod receiver;
mod told;
mod world;
