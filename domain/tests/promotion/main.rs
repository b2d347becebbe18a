//! Every command of an environment in every state of its promotion, and what follows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod approvals;
mod authors;
mod deployments;
mod drift;
mod given;
mod glass;
mod remembered;
mod requests;
mod rollbacks;
mod states;
#[path = "../support/mod.rs"]
mod support;
mod values;
