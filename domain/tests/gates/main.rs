//! Every gate: passed, failed, waiting, waived; why, on which evidence, and what would open it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod approvals;
mod asked;
mod basis;
mod before;
mod findings;
mod freezes;
mod given;
mod reports;
mod scans;
#[path = "../support/mod.rs"]
mod support;
mod waivers;
