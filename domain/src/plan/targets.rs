//! The tools that a plan is made for.

use std::collections::BTreeMap;

use super::PlanError;
use super::steps::host;
use crate::naming::RegistryProject;
use crate::tool_connection::{Connection, ToolSettings, ToolUrl};
use crate::{ComponentName, ConnectionName, ServiceKey, Tool};

/// One connected tool, as planning sees it.
#[derive(Debug, Clone)]
pub struct ToolTarget {
    /// Base URL.
    pub url: ToolUrl,
    /// The rest of its connection.
    pub settings: ToolSettings,
}

/// All tools that are connected under one connection name, and what else a plan has to know of this installation.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Under which name.
    pub connection: ConnectionName,
    /// Which tools.
    pub tools: BTreeMap<Tool, ToolTarget>,
    /// Where tools call Opstella, without a trailing slash.
    pub public_url: String,
    /// How long a deployment may take to become healthy, in minutes.
    pub deploy_wait_minutes: u32,
}

impl Targets {
    /// Adds a tool's connection.
    pub fn insert(&mut self, tool: Tool, connection: &Connection) {
        let target = ToolTarget {
            url: connection.url.clone(),
            settings: connection.settings.clone(),
        };
        self.tools.insert(tool, target);
    }

    /// The connected tool.
    ///
    /// # Errors
    /// [`PlanError::NotConnected`].
    pub fn get(&self, tool: Tool) -> Result<&ToolTarget, PlanError> {
        self.tools.get(&tool).ok_or_else(|| PlanError::NotConnected {
            tool,
            connection: self.connection.clone(),
        })
    }

    /// The name, without tag and digest, under which the registry has the images of a component.
    ///
    /// # Errors
    /// [`PlanError::NotConnected`] where there is no registry.
    pub fn image(&self, service: &ServiceKey, component: &ComponentName) -> Result<String, PlanError> {
        let registry = host(self.get(Tool::Harbor)?.url.authority_and_path());
        Ok(format!("{registry}/{}/{component}", RegistryProject::of(service)))
    }
}
