//! JSON Schemas of all events: `schema/events/` holds them as golden files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use schemars::{Schema, schema_for};
use serde_json::Value;

use crate::Decide;
use crate::access::log::{Access, AccessEvent};
use crate::evidence::{Artifact, ArtifactEvent};
use crate::policy::{Policy, PolicyEvent};
use crate::project::{Project, ProjectEvent};
use crate::promotion::{EnvironmentEvent, ServiceEnvironment};
use crate::release::{Release, ReleaseEvent};
use crate::run::{Run, RunEvent};
use crate::service::{Service, ServiceEvent};
use crate::subscription::{Subscription, SubscriptionEvent};
use crate::template::{Template, TemplateEvent};
use crate::tool_connection::{ToolConnection, ToolConnectionEvent};

/// Aggregate type and the schema of its events.
pub fn event_schemas() -> Vec<(&'static str, Schema)> {
    vec![
        (Artifact::TYPE, schema_for!(ArtifactEvent)),
        (ServiceEnvironment::TYPE, schema_for!(EnvironmentEvent)),
        (Policy::TYPE, schema_for!(PolicyEvent)),
        (Access::TYPE, schema_for!(AccessEvent)),
        (Project::TYPE, schema_for!(ProjectEvent)),
        (Release::TYPE, schema_for!(ReleaseEvent)),
        (Run::TYPE, schema_for!(RunEvent)),
        (Service::TYPE, schema_for!(ServiceEvent)),
        (Subscription::TYPE, schema_for!(SubscriptionEvent)),
        (Template::TYPE, schema_for!(TemplateEvent)),
        (ToolConnection::TYPE, schema_for!(ToolConnectionEvent)),
    ]
}

/// The types of all events, by the type of their aggregate.
pub fn event_types() -> &'static BTreeMap<&'static str, BTreeSet<String>> {
    static TYPES: OnceLock<BTreeMap<&'static str, BTreeSet<String>>> = OnceLock::new();
    TYPES.get_or_init(|| {
        event_schemas()
            .into_iter()
            .map(|(aggregate, schema)| (aggregate, variants(schema.as_value())))
            .collect()
    })
}

/// The variants that the schema of an event enum names.
fn variants(schema: &Value) -> BTreeSet<String> {
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    list(schema, "oneOf")
        .iter()
        .flat_map(|variant| list(variant, "required"))
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}
