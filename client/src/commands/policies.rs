//! `opstella policies`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use opstella_domain::{Environment, ProjectSlug};
use reqwest::Method;
use serde_json::{Value, json};

use super::evidence::read_file;
use super::path::BASE;
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::output::Table;
use crate::values::{at, list, word_at, words};

/// Largest policy.
const LARGEST: u64 = 1 << 20;

/// Policies: what a release needs to come into an environment.
#[derive(Debug, Args)]
pub struct Policies {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The rules that hold.
    Show {
        /// For which environment.
        #[arg(long, value_name = "ENVIRONMENT")]
        env: Environment,
        /// Of this project, with the platform's; the platform's, if none is named.
        #[arg(long, value_name = "PROJECT")]
        project: Option<ProjectSlug>,
    },
    /// Set rules; what the file leaves out is not asked for.
    Set {
        /// A JSON file with the rules, as `show --output json` has them in `rules`; - is standard input.
        file: PathBuf,
        /// For which environment.
        #[arg(long, value_name = "ENVIRONMENT")]
        env: Environment,
        /// Of this project; the platform's, if none is named.
        #[arg(long, value_name = "PROJECT")]
        project: Option<ProjectSlug>,
    },
}

fn path(project: Option<&ProjectSlug>, environment: Environment) -> String {
    match project {
        Some(project) => format!("{BASE}/projects/{project}/policies/{environment}"),
        None => format!("{BASE}/policies/{environment}"),
    }
}

/// Shows or sets.
pub(crate) async fn run(context: &Context, what: Policies) -> Result<Answer, ClientError> {
    let api = context.api()?;
    match what.command {
        Command::Show { env, project } => {
            let policy = api.get(&path(project.as_ref(), env)).await?;
            let mut table = Table::new(["rule", "holds"]);
            for (rule, value) in at(&policy, "/effective").as_object().into_iter().flatten() {
                table.row([rule.replace('_', " ").into(), rule_in_words(rule, value).into()]);
            }
            let whose = project.map_or_else(|| "the platform".to_owned(), |project| project.to_string());
            let head = format!("{env} of {whose}, version {}", word_at(&policy, "/version"));
            Ok(Answer::of(policy).line(head).table(table, "nothing is asked for"))
        }
        Command::Set { file, env, project } => {
            let text = read_file(&file, LARGEST)?;
            let read: Value = serde_json::from_slice(&text).map_err(|error| {
                ClientError::Usage(format!("{}: this is no JSON: {error}", file.display()))
            })?;
            let rules = match read.get("rules") {
                Some(rules) if !rules.is_null() => rules.clone(),
                _ => read,
            };
            let body = json!({ "rules": rules });
            let answer = api
                .command(Method::PUT, &path(project.as_ref(), env), &body)
                .await?;
            let line = format!(
                "the policy of {env} holds, version {}",
                word_at(&answer, "/version")
            );
            Ok(Answer::of(answer).line(line))
        }
    }
}

/// What a rule asks for: `2 of approver, owner`, `weekend (Europe/Berlin)`, else its value.
fn rule_in_words(rule: &str, value: &Value) -> String {
    let each = |words: fn(&Value) -> String| list(value).iter().map(words).collect::<Vec<_>>().join("; ");
    match rule {
        "approvals" => each(|one| format!("{} of {}", word_at(one, "/people"), word_at(one, "/roles"))),
        "freezes" => each(|one| format!("{} ({})", word_at(one, "/name"), word_at(one, "/timezone"))),
        "custom" => each(|one| word_at(one, "/name")),
        _ => words(value),
    }
}
