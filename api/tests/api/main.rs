//! The API over real HTTP, on a real PostgreSQL, with the sandbox's Keycloak.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod access;
mod binary;
mod collected;
mod config;
mod custom_gates;
mod demo;
mod description;
mod idempotency;
mod limits;
mod malformed;
mod notifications;
mod operating;
mod pages;
mod planted;
mod probes;
mod problems;
mod promotions;
#[path = "../../../adapters/tests/support/receiver.rs"]
mod receiver;
mod resources;
mod runs;
mod schema_state;
mod schemathesis;
mod signin;
mod streams;
mod support;
mod tokens;
mod versions;
mod webhooks;
