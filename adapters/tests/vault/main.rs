//! The Vault adapter against a real OpenBao; failures, which it does not have on demand, against the sandbox.
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
mod secret_store;
#[path = "../support/mod.rs"]
mod support;
mod world;
