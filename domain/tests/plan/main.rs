//! The plans of the four sagas, and the graph that they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod changes;
mod given;
mod golden;
mod graphs;
mod steps;
#[path = "../support/mod.rs"]
mod support;
