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
mod table;
mod world;
