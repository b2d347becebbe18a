//! Releases on their way through the environments, over real HTTP and on the sandbox.

mod decommission;
mod evidence;
mod failures;
mod gates;
mod gates_away;
mod journey;
mod kills;
mod random;
mod rescans;
mod stuck;
