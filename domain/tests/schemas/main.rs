//! The JSON Schemas of all events are golden files: a released event never changes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod environments;
#[path = "../examples/mod.rs"]
mod examples;
mod fits;
mod golden;
mod people;
mod releases;
mod runs;
mod services;
mod subscriptions;
#[path = "../support/mod.rs"]
mod support;

// Examples are checked as they are kept.
use fits::check;
