//! `opstella serve`.

use clap::Args;

use super::CliError;
use crate::config::Config;
use crate::wiring::StartError;
use crate::{serve, telemetry};

/// Serve the API and execute runs.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Bring the database's schema up to date first, whatever database.migrate_on_start says.
    #[arg(long)]
    migrate: bool,
}

impl Serve {
    pub async fn run(self, config: Config) -> Result<(), CliError> {
        telemetry::start_logging(&config.log).map_err(StartError::Logging)?;
        let serving = serve::start(config, self.migrate).await?;
        Ok(serving.until_stopped().await?)
    }
}
