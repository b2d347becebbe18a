//! The Argo CD adapter against the sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod application;
mod contracted;
mod failures;
mod project;
mod promotion;
mod rows;
#[path = "../support/mod.rs"]
mod support;
mod undoing;
mod world;
