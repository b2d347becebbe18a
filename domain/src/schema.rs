//! JSON Schemas of all events: `schema/events/` holds them as golden files.

use schemars::{Schema, schema_for};

use crate::Decide;
use crate::access::log::{Access, AccessEvent};
use crate::evidence::{Artifact, ArtifactEvent};
use crate::policy::{Policy, PolicyEvent};
use crate::project::{Project, ProjectEvent};
use crate::promotion::{EnvironmentEvent, ServiceEnvironment};
use crate::release::{Release, ReleaseEvent};
use crate::run::{Run, RunEvent};
use crate::service::{Service, ServiceEvent};
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
        (Template::TYPE, schema_for!(TemplateEvent)),
        (ToolConnection::TYPE, schema_for!(ToolConnectionEvent)),
    ]
}
