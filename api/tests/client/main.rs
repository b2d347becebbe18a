//! The client's commands of the real binary, against a real server with the sandbox behind it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod decisions;
mod failures;
mod promotions;
mod services;
mod shell;
mod sign_in;
mod world;

#[allow(dead_code, reason = "shared with the tests of the API, which use more of it")]
#[path = "../api/support/mod.rs"]
mod support;
