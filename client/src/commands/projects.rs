//! `opstella projects`.

use clap::{Args, Subcommand};
use opstella_domain::ProjectSlug;
use reqwest::Method;
use serde_json::{Value, json};

use super::path::BASE;
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::output::Table;
use crate::values::{set, who, word_at};

/// Projects.
#[derive(Debug, Args)]
pub struct Projects {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The projects that you are in.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 200, value_name = "N")]
        limit: usize,
    },
    /// Make a project. You are its owner, unless somebody else is named.
    Create {
        /// Its slug.
        slug: ProjectSlug,
        /// Its name for people; the slug, if none is given.
        #[arg(long)]
        name: Option<String>,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Who answers for it.
        #[arg(long, value_name = "SUBJECT")]
        owner: Option<String>,
    },
}

/// Lists or creates.
pub(crate) async fn run(context: &Context, what: Projects) -> Result<Answer, ClientError> {
    let api = context.api()?;
    let all = format!("{BASE}/projects");
    match what.command {
        Command::List { limit } => {
            let projects = api.list(&all, limit).await?;
            let mut table = Table::new(["project", "name", "owner", "services"]);
            for project in &projects {
                let cell = |pointer| word_at(project, pointer).into();
                table.row([
                    cell("/slug"),
                    cell("/name"),
                    who(project, "/owner").into(),
                    cell("/services"),
                ]);
            }
            Ok(Answer::of(Value::from(projects)).table(table, "you are in no project"))
        }
        Command::Create {
            slug,
            name,
            description,
            owner,
        } => {
            let mut body = json!({"slug": slug, "name": name.unwrap_or_else(|| slug.to_string())});
            for (field, value) in [("description", description), ("owner", owner)] {
                if let Some(value) = value {
                    set(&mut body, field, value);
                }
            }
            let answer = api.command(Method::POST, &all, &body).await?;
            api.seen_answer(&answer).await;
            Ok(Answer::of(answer).line(format!("project {slug} created")))
        }
    }
}
