//! The gates that come along, one function each: what it says, why, on which evidence, and what would open it.

mod before;
mod findings;
mod look;
mod reports;
mod request;

pub(super) use before::{healthy_before, soaked};
pub(super) use findings::{dynamic_scan, open_critical, vulnerabilities};
pub(super) use reports::{quality, sbom, tests};
pub(super) use request::{change_reference, frozen};
