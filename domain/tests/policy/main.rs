//! Policies: what comes along, limits, versions, and which of two is stricter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod given;
mod rules;
mod stricter;
#[path = "../support/mod.rs"]
mod support;
mod versions;
