#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! The journal against real PostgreSQL servers.

mod appending;
mod conflicts;
mod crash_postgres;
mod crash_process;
mod followers;
mod framework;
mod idempotency;
mod limits;
mod past;
mod schema;
mod snapshots;
mod stock;
mod subscriptions;
mod support;
mod trouble;
mod two_processes;
mod upcasting;
