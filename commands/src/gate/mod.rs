//! Gates written in Rego, looked at by `regorus` in a process of their own.
//!
//! A policy's module is code that somebody wrote: it may loop, or ask for more memory than there is. Time that the
//! interpreter counts itself is no bound for what a single built-in function does, and an allocator's hook would be one
//! for the whole server. So each look is a child process, which gives itself hard limits ([`child`]) before it reads
//! anything, knows no environment variables, and is killed when it takes too long ([`GateProgram`]). What it is asked and
//! what it answers is in `exchange.rs`; what it does with it in `look.rs`. `docs/adr/0005-custom-gates.md` has the reasons.

mod child;
mod exchange;
mod look;
mod program;
mod read;
#[cfg(test)]
mod tests;

pub use child::child;
pub(crate) use exchange::{Answer, Question};
pub use program::GateProgram;
pub(crate) use program::{AT_ONCE, NoAnswer};
