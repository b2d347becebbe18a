//! A PostgreSQL of one's own.

mod binaries;
mod cluster;
mod options;
mod server;
mod shared;
mod test_database;

pub use binaries::{Binaries, EMBEDDED_POSTGRES};
pub use options::PostgresOptions;
pub use server::Postgres;
pub use shared::TEST_POSTGRES;
pub use test_database::{TestDatabase, test_database};
