//! The Kubernetes adapter against the stand-in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod contract;
mod failures;
mod namespaces;
mod objects;
mod smoke;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod world;
