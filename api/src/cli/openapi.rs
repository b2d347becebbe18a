//! `opstella openapi`.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::openapi;

/// Print the OpenAPI description.
#[derive(Debug, Args)]
pub(super) struct Openapi {
    /// Compare with this file instead, and fail where they differ.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

impl Openapi {
    pub fn run(self) -> Result<(), CliError> {
        let Some(file) = self.check else {
            print!("{}", openapi::text());
            return Ok(());
        };
        let shown = file.display();
        let kept = std::fs::read_to_string(&file).map_err(|error| {
            CliError::Argument(format!("{shown}: {error}; give the path of openapi.json"))
        })?;
        if kept == openapi::text() {
            return Ok(());
        }
        Err(CliError::Check(format!(
            "{shown} is not what this program serves; write it anew with `opstella openapi > {shown}`"
        )))
    }
}
