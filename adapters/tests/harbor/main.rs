//! The Harbor adapter against the sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod contract;
mod failures;
mod lost_answers;
mod ownership;
mod project;
mod promotion;
mod retention;
mod robot;
mod scan;
#[path = "../support/mod.rs"]
mod support;
mod world;
