//! JSON Schemas of all events: `schema/events/` holds them as golden files.

use schemars::{Schema, schema_for};

use crate::Decide;
use crate::access::log::{Access, AccessEvent};
use crate::project::{Project, ProjectEvent};
use crate::run::{Run, RunEvent};
use crate::service::{Service, ServiceEvent};
use crate::template::{Template, TemplateEvent};
use crate::tool_connection::{ToolConnection, ToolConnectionEvent};

/// Aggregate type and the schema of its events.
pub fn event_schemas() -> Vec<(&'static str, Schema)> {
    vec![
        (Access::TYPE, schema_for!(AccessEvent)),
        (Project::TYPE, schema_for!(ProjectEvent)),
        (Run::TYPE, schema_for!(RunEvent)),
        (Service::TYPE, schema_for!(ServiceEvent)),
        (Template::TYPE, schema_for!(TemplateEvent)),
        (ToolConnection::TYPE, schema_for!(ToolConnectionEvent)),
    ]
}
