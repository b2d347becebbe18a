//! The event store: what both sides of CQRS stand on, and the only truth.
//!
//! - [`Journal::load`] gives an aggregate and its version: from the warm cache, or from a snapshot and the events after it.
//! - [`Journal::append`] stores what was decided on it, if nobody was faster. Appends that wait are joined into one
//!   transaction (`committer/`); the sequence number in the primary key guards each stream.
//! - [`Journal::subscribe`] gives all events in one order, without gaps and without locking writers.
//! - [`Journal::history`], [`Journal::load_as_of`]: the past.
//! - [`JournalRepository`] puts cqrs-es's own framework on top; stock postgres-es works on the same table.
//!
//! Start with `journal.rs`, then `committer/mod.rs`. The reasons are in `docs/adr/0001-journal.md`.

mod append;
mod cache;
mod claims;
mod committer;
mod connection;
mod error;
mod event;
mod fold;
mod held_back;
mod journal;
mod load;
mod loaded;
mod loader;
mod metadata;
mod migrate;
mod options;
mod position;
mod reader;
mod recent;
mod repository;
mod snapshots;
mod subscription;
mod upcast;
mod wake;

pub use append::{Append, Appended, Claim, IdempotencyClaim, StreamAppend};
pub use connection::mortal;
pub use error::JournalError;
pub use event::RecordedEvent;
pub use journal::Journal;
pub use loaded::Loaded;
pub use metadata::{Actor, EventMetadata};
pub use migrate::{SchemaState, migrate, schema_state};
pub use options::JournalOptions;
pub use position::{ParsePositionError, Position};
pub use repository::JournalRepository;
pub use subscription::{Batch, Subscription};
pub use upcast::{Upcaster, UpcasterFor};
