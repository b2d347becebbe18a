//! The client as a process, against an HTTP server that plays the API.

mod commands;
mod exit_codes;
mod help;
mod login;
mod output;
mod retries;
mod streams;
mod support;
