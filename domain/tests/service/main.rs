//! Every command of a service in every state of its lifecycle.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod ends;
mod given;
mod leftovers;
mod lives;
mod removal;
mod states;
#[path = "../support/mod.rs"]
mod support;
