//! The SonarQube adapter against the sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod failures;
mod ownership;
mod particulars;
mod status;
#[path = "../support/mod.rs"]
mod support;
mod world;
