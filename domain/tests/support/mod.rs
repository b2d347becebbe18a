//! Values that the tests share.
#![allow(dead_code)]

pub mod promotion;

use chrono::{DateTime, TimeZone, Utc};
use opstella_domain::operation::Operation;
use opstella_domain::plan::{Plan, PlannedStep, StepId, Targets, ToolTarget};
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::service::ComponentSpec;
use opstella_domain::tool_connection::{ToolSettings, ToolUrl};
use opstella_domain::{RunId, ServiceKey, Tool};

pub fn key() -> ServiceKey {
    "payments/checkout".parse().unwrap()
}

pub fn run_id(number: u128) -> RunId {
    RunId(uuid::Uuid::from_u128(number))
}

pub fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap()
}

pub fn component(name: &str) -> ComponentSpec {
    serde_json::from_value(serde_json::json!({
        "name": name,
        "template": { "name": "http-service", "version": "1.0.0" },
    }))
    .unwrap()
}

pub fn id(name: &str) -> StepId {
    name.parse().unwrap()
}

/// Every tool connected as `main`.
pub fn targets() -> Targets {
    let tools = Tool::all().map(|tool| {
        let url = ToolUrl::try_from(format!("https://{tool}.example")).unwrap();
        let settings = ToolSettings::default();
        (tool, ToolTarget { url, settings })
    });
    Targets {
        connection: "main".parse().unwrap(),
        tools: tools.collect(),
        public_url: "https://opstella.example".into(),
        deploy_wait_minutes: 15,
    }
}

/// A step that does nothing in particular.
pub fn step(name: &str, depends_on: &[&str]) -> PlannedStep {
    PlannedStep {
        id: id(name),
        connection: "main".parse().unwrap(),
        operation: Operation::GitlabGroup {
            group: "payments".parse().unwrap(),
        },
        depends_on: depends_on.iter().map(|d| id(d)).collect(),
    }
}

pub fn plan(steps: &[(&str, &[&str])]) -> Plan {
    Plan::new(steps.iter().map(|(name, after)| step(name, after)).collect()).unwrap()
}

pub fn outcome(provenance: Provenance) -> StepOutcome {
    StepOutcome {
        resource: ExternalResource {
            tool: Tool::GitLab,
            kind: "group".into(),
            name: "payments".into(),
            url: None,
        },
        provenance,
        commit: None,
    }
}
