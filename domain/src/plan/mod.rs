//! Saga plans: a DAG of steps, made from a request, the templates and the connected tools.
//!
//! A plan is recorded in its run's first event, so a running saga does not change when the code does; a dry run is
//! the plan shown. Steps are named `<tool>.<what>[/<component>][/<environment>]`.

mod graph;
mod promote;
mod saga;
mod service;
mod shared;
mod steps;
mod targets;

pub use graph::{Plan, PlanError, PlannedStep, StepId};
pub use promote::{CarriedImage, HEALTH_PATH, plan_promote};
pub use saga::SagaKind;
pub use service::{plan_add_component, plan_add_environment, plan_decommission, plan_provision};
pub use shared::project_of_application;
pub use steps::{PULL_SECRET, SERVICE_ACCOUNT};
pub use targets::{Targets, ToolTarget};
