//! Policies: what a release needs to come into an environment.
//!
//! There is one policy per environment, for all projects; a project may have one of its own that is at least as
//! strict ([`PolicyRules::looser_than`]). What counts is the stricter of both in each rule
//! ([`PolicyRules::strictest`]). [`evaluate`] is a pure function of rules, evidence and time: it names every gate with
//! its verdict, its reason, what would unblock it, and the evidence it looked at.

mod aggregate;
mod approvals;
mod evaluate;
mod freeze;
mod gate;
mod gates;
mod held;
mod input;
mod key;
mod rules;
mod strictness;

pub use aggregate::{Policy, PolicyCommand, PolicyEvent};
pub use approvals::{Approval, ApprovalRule, ApproverRole, approval_gate, is_name, known_by_ids};
pub use evaluate::{Evaluation, evaluate};
pub use freeze::{Freeze, FreezeWindow, TimeZoneName, WeekTime};
pub use gate::{GateName, GateResult, GateVerdict};
pub use held::HeldFreeze;
pub use input::{GateInput, ImageEvidence, PolicyVersions, Predecessor, Running, RunningImage};
pub use key::PolicyKey;
pub use rules::{CustomGate, PolicyRules};
