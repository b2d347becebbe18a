//! The connected tools, for planning.

use opstella_domain::Tool;
use opstella_domain::plan::Targets;
use opstella_domain::tool_connection::{ConnectionKey, ToolConnection};

use crate::{CommandError, Commands};

impl Commands {
    /// The tools that services are provisioned on.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn targets(&self) -> Result<Targets, CommandError> {
        let mut targets = Targets {
            connection: self.options.connection.clone(),
            tools: Default::default(),
            public_url: self.options.public_url.clone(),
            deploy_wait_minutes: self.options.deploy_wait_minutes,
        };
        for tool in Tool::all() {
            let key = ConnectionKey {
                tool,
                name: self.options.connection.clone(),
            };
            let loaded = self.load::<ToolConnection>(&key.to_string()).await?;
            if let Some(connection) = &loaded.state.connection {
                targets.insert(tool, connection);
            }
        }
        Ok(targets)
    }
}
