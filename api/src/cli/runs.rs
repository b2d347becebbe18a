//! `opstella runs`: what operators need when nothing else answers.

use std::sync::Arc;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use opstella_client::{Watch, With};
use opstella_commands::{Accepted, CommandContext, CommandError};
use opstella_domain::RunId;
use opstella_domain::access::Grants;
use opstella_domain::plan::StepId;
use opstella_journal::Actor;
use opstella_projections::queries::{PageRequest, Reader, RunFilter};
use uuid::Uuid;

use super::CliError;
use crate::config::Config;
use crate::routes::runs::STATUSES;
use crate::wiring::{Stores, connect};

/// Look at runs and operate them.
#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// Follow a run live, until it ends: by the API, with the client's token.
    Watch(Box<With<Watch>>),
    /// The newest runs.
    List {
        /// Only those.
        #[arg(long, value_parser = PossibleValuesParser::new(STATUSES.iter().copied()))]
        status: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// One run with its steps.
    Show {
        /// Which.
        run: Uuid,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try a stuck or waiting step again, now.
    Retry {
        /// Of which run.
        run: Uuid,
        /// Which step.
        step: String,
    },
    /// Go on as if a step, or its undoing, were done.
    Skip {
        /// Of which run.
        run: Uuid,
        /// Which step.
        step: String,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Stop a run and unmake what it made.
    Cancel {
        /// Which.
        run: Uuid,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
    /// End a stuck run as it is; what it made stays.
    Abandon {
        /// Which.
        run: Uuid,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
}

impl RunsCommand {
    pub async fn run(self, config: Config) -> Result<(), CliError> {
        let stores = Stores::open(&config, connect(&config).await?).await?;
        let result = self.carry_out(&stores).await;
        stores.close().await;
        result
    }

    async fn carry_out(self, stores: &Stores) -> Result<(), CliError> {
        let commands = &stores.commands;
        let accepted = match self {
            // Carried out before there is a database: see `Cli::run`.
            Self::Watch(_) => return Ok(()),
            Self::List { status, limit } => return list(stores, status, limit).await,
            Self::Show { run, json } => return show(stores, run, json).await,
            Self::Retry { run, step } => {
                let step = step_id(&step)?;
                commands.retry_step(&context(None), RunId(run), step).await
            }
            Self::Skip { run, step, reason } => {
                let (step, context) = (step_id(&step)?, context(Some(&reason)));
                commands.skip_step(&context, RunId(run), step, reason).await
            }
            Self::Cancel { run, reason } => {
                commands
                    .cancel_run(&context(Some(&reason)), RunId(run), reason)
                    .await
            }
            Self::Abandon { run, reason } => {
                commands
                    .abandon_run(&context(Some(&reason)), RunId(run), reason)
                    .await
            }
        };
        done(accepted)
    }
}

fn step_id(text: &str) -> Result<StepId, CliError> {
    text.parse()
        .map_err(|error: opstella_domain::InvalidValue| CliError::Argument(error.to_string()))
}

/// `cli:<user>`: who has the database's password may do this.
fn context(reason: Option<&str>) -> CommandContext {
    let uid = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(uid)
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name);
    CommandContext {
        actor: Actor::new(format!("cli:{user}")),
        grants: Arc::new(Grants::internal()),
        correlation: Uuid::now_v7().to_string(),
        reason: reason.map(str::to_owned),
        ..CommandContext::default()
    }
}

fn done(result: Result<Accepted, CommandError>) -> Result<(), CliError> {
    let accepted = result.map_err(|error| CliError::Refused(error.to_string()))?;
    println!("done; the run is at version {}", accepted.version);
    Ok(())
}

async fn list(stores: &Stores, status: Option<String>, limit: u32) -> Result<(), CliError> {
    let filter = RunFilter {
        status,
        ..RunFilter::default()
    };
    let queries = stores.projections.queries();
    let page = queries
        .runs(&filter, &Reader::Everything, &PageRequest::first(limit))
        .await
        .map_err(|error| CliError::Refused(error.to_string()))?;
    println!(
        "{:<36}  {:<10} {:>9}  {:<20} service",
        "run", "status", "steps", "saga"
    );
    for run in page.items {
        println!(
            "{:<36}  {:<10} {:>9}  {:<20} {}/{}",
            run.id,
            run.status,
            format!("{}/{}", run.steps_done, run.steps_total),
            run.saga,
            run.project,
            run.service
        );
    }
    Ok(())
}

async fn show(stores: &Stores, run: Uuid, json: bool) -> Result<(), CliError> {
    let queries = stores.projections.queries();
    let found = queries
        .run(run)
        .await
        .map_err(|error| CliError::Refused(error.to_string()))?;
    let Some(found) = found else {
        return Err(CliError::Refused(format!(
            "run {run} does not exist; `opstella runs list` shows all"
        )));
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&found).unwrap_or_default());
        return Ok(());
    }
    let run = &found.run;
    println!(
        "{} of {}/{}: {} ({} of {} steps)",
        run.saga, run.project, run.service, run.status, run.steps_done, run.steps_total
    );
    if let Some(cause) = &run.cause {
        println!("cause: {cause}");
    }
    for step in &found.steps {
        let error = step.last_error.as_deref().unwrap_or_default();
        println!(
            "  {:<12} {:<50} try {:<3} {error}",
            step.phase, step.step, step.attempt
        );
    }
    Ok(())
}
