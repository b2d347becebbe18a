//! REST, server-sent events, OIDC, OpenAPI, and the `opstella` binary.
//!
//! A request passes `http/observe.rs` (ids, limits, spans, metrics), then, under `/api/v1`, `auth/guard.rs` (token
//! or session, rate limit), then its handler in `routes/`, which parses it into a command or a query. Commands go to
//! `opstella_commands`, queries to `opstella_projections`; no handler decides anything by itself. Every error is a
//! problem document (`problem.rs`). `openapi.rs` collects the description from the handlers.
//!
//! `signin/` signs browsers in.
//!
//! `serve.rs` puts the process together; `wiring.rs` is what all commands of the binary share.

pub mod auth;
pub mod cli;
pub mod config;
mod demo;
pub mod events;
pub mod http;
mod issuer_http;
mod notify;
pub mod openapi;
mod outside;
pub mod problem;
pub mod routes;
pub mod seed;
pub mod serve;
pub mod server;
pub mod signin;
pub mod state;
pub mod telemetry;
pub mod tools;
pub mod wiring;
