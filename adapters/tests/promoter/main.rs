//! The promoter on a real journal, with an Argo CD that says what the test wants.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod argocd;
mod looks;
mod watch;
mod world;
