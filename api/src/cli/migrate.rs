//! `opstella migrate`.

use clap::Args;

use super::CliError;
use crate::config::Config;
use crate::wiring::{StartError, connect};

/// Bring the database's schema up to date.
#[derive(Debug, Args)]
pub(super) struct Migrate;

impl Migrate {
    pub async fn run(self, config: Config) -> Result<(), CliError> {
        let pool = connect(&config).await?;
        opstella_journal::migrate(&pool).await.map_err(StartError::from)?;
        pool.close().await;
        println!("the schema is up to date");
        Ok(())
    }
}
