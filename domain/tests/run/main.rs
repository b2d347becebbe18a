//! Every command of a run in every status, and what follows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod awaited;
mod forward;
mod given;
mod operators;
mod stuck;
#[path = "../support/mod.rs"]
mod support;
mod unwinding;
