//! Every saga over every step, with the real adapters against the sandbox and a real PostgreSQL.
//!
//! Table-driven over the plan: a new step is covered the day it is added. The standard is omicron's
//! (`nexus/src/app/sagas/test_helpers.rs`): fail every step and prove that nothing is left behind; carry every step
//! out twice and prove that nothing doubles; kill the process at every step and prove that another one finishes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod adopted;
mod compensation;
mod doubled;
mod failed;
mod installations;
mod killed;
mod killed_waiting;
mod leftovers;
mod promotion;
mod saboteur;
mod saga;
mod shared;
mod world;
