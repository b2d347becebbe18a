//! `opstella projections`.

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use opstella_projections::ProjectionStatus;

use super::CliError;
use crate::config::Config;
use crate::wiring::{StartError, Stores, connect};

/// Look at the read models, rebuild one.
#[derive(Debug, Subcommand)]
pub(super) enum ProjectionsCommand {
    /// Where each stands.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fill a new build beside the live one and swap it in; queries and commands go on meanwhile.
    Rebuild {
        /// Which.
        name: String,
    },
    /// Let a projection that has stopped try its event again.
    Resume {
        /// Which.
        name: String,
    },
}

impl ProjectionsCommand {
    pub async fn run(self, config: Config) -> Result<(), CliError> {
        let stores = Stores::open(&config, connect(&config).await?).await?;
        let result = match self {
            Self::Status { json } => status(&stores, json).await,
            Self::Rebuild { name } => rebuild(&stores, &name).await,
            Self::Resume { name } => stores
                .projections
                .resume(&name)
                .await
                .map_err(|error| StartError::from(error).into()),
        };
        stores.close().await;
        result
    }
}

async fn status(stores: &Stores, json: bool) -> Result<(), CliError> {
    let all = stores.projections.status().await.map_err(StartError::from)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&all).unwrap_or_default());
        return Ok(());
    }
    println!(
        "{:<12} {:<8} {:>8} {:>10}  position",
        "projection", "status", "behind", "lag ms"
    );
    all.iter().for_each(show);
    Ok(())
}

fn show(status: &ProjectionStatus) {
    println!(
        "{:<12} {:<8} {:>8} {:>10}  {}",
        status.name,
        status.status.slug(),
        status.lag_events,
        status.lag_ms,
        status.position
    );
    if let Some(error) = &status.error {
        println!("  {error}");
    }
    if let Some(rebuild) = &status.rebuild {
        println!("  a new build is being filled; it is at {}", rebuild.position);
    }
}

async fn rebuild(stores: &Stores, name: &str) -> Result<(), CliError> {
    // Its end is not known in events; positions say how far it is.
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {prefix} {pos} events {per_sec} {msg} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(name.to_owned());
    let report = stores
        .projections
        .rebuild(name, |progress| {
            bar.set_position(progress.events);
            bar.set_message(format!("at {} of {}", progress.position, progress.head));
        })
        .await;
    bar.finish_and_clear();
    let report = report.map_err(StartError::from)?;
    println!(
        "{name} is rebuilt: {} events in {:.1} s, build {}",
        report.events,
        report.duration.as_secs_f64(),
        report.generation
    );
    Ok(())
}
