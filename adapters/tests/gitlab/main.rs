//! The GitLab adapter against the sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod containers;
mod deleted;
mod failures;
mod files;
mod image;
mod inside;
mod operations;
mod ownership;
#[path = "../support/mod.rs"]
mod support;
mod variables;
mod webhook;
mod world;
