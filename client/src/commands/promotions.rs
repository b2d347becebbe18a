//! `opstella promotions`: lists and explains; also how a promotion is named and found.

mod named;
mod wait;

use chrono::Utc;
use clap::{Args, Subcommand};
use opstella_domain::{Environment, ProjectSlug, ServiceKey};
use serde_json::Value;

pub(super) use named::{Found, PromotionName};
pub(super) use wait::{Waited, until_over};

use super::path::{BASE, with_query};
use super::{gates, outcome};
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::output::{Cell, Table};
use crate::values::{ago, at, list, who, word_at};

/// States that a promotion can be in.
const STATES: [&str; 8] = [
    "queued",
    "blocked",
    "waiting",
    "deploying",
    "completed",
    "rejected",
    "cancelled",
    "failed",
];

/// Promotions.
#[derive(Debug, Args)]
pub struct Promotions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The newest promotions.
    List {
        /// Only of this service: project/service.
        service: Option<ServiceKey>,
        /// Only of this project.
        #[arg(long, conflicts_with = "service", value_name = "PROJECT")]
        project: Option<ProjectSlug>,
        /// Only into this environment.
        #[arg(long, value_name = "ENVIRONMENT")]
        env: Option<Environment>,
        /// Only in this state.
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(
            STATES.iter().copied().chain(["rolled-back"])))]
        state: Option<String>,
        /// Only those that are not over.
        #[arg(long)]
        open: bool,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Explain a promotion: every gate, in words, and what would open it.
    Show {
        /// Which: project/service/id, or an id alone.
        promotion: PromotionName,
    },
}

/// Lists or explains.
pub(crate) async fn run(context: &Context, what: Promotions) -> Result<Answer, ClientError> {
    let api = context.api()?;
    match what.command {
        Command::List {
            service,
            project,
            env,
            state,
            open,
            limit,
        } => {
            let project = service
                .as_ref()
                .map(|key| key.project.to_string())
                .or(project.map(|p| p.to_string()));
            let parameters = [
                ("project", project),
                ("service", service.map(|key| key.service.to_string())),
                ("environment", env.map(|env| env.to_string())),
                ("state", state),
                ("open", open.then(|| "true".to_owned())),
            ];
            let path = with_query(&format!("{BASE}/promotions"), &parameters);
            let promotions = api.list(&path, limit).await?;
            let table = table(&promotions);
            Ok(Answer::of(Value::from(promotions)).table(table, "there is no promotion"))
        }
        Command::Show { promotion } => {
            let found = promotion.find(&api).await?;
            Ok(shown(api.get(&found.path()).await?))
        }
    }
}

/// Promotions, one a row.
pub(super) fn table(promotions: &[Value]) -> Table {
    let now = Utc::now();
    let mut table = Table::new(["promotion", "to", "release", "state", "requester", "since"]);
    for promotion in promotions {
        let word = |pointer| word_at(promotion, pointer);
        table.row([
            format!("{}/{}/{}", word("/project"), word("/service"), word("/id")).into(),
            word("/environment").into(),
            word("/release").into(),
            Cell::state(word("/state")),
            who(promotion, "/requester").into(),
            ago(at(promotion, "/updated_at"), now).into(),
        ]);
    }
    table
}

/// A promotion, explained.
pub(super) fn shown(promotion: Value) -> Answer {
    let now = Utc::now();
    let mut approvals = Table::new(["approved by", "as", "when", "comment"]);
    for approval in list(at(&promotion, "/approvals")) {
        approvals.row([
            who(approval, "/by").into(),
            word_at(approval, "/roles").into(),
            ago(at(approval, "/at"), now).into(),
            word_at(approval, "/comment").into(),
        ]);
    }
    let gates = gates::table(&promotion);
    let head = outcome::of_promotion(&promotion);
    // The table of the gates says the rest.
    let reasons: Vec<String> = list(at(&promotion, "/gates"))
        .iter()
        .map(|gate| word_at(gate, "/reason"))
        .filter(|reason| !reason.is_empty())
        .collect();
    let mut explanation = outcome::explanation(&promotion);
    explanation.retain(|sentence| !reasons.iter().any(|reason| sentence.contains(reason)));
    let run = word_at(&promotion, "/run");
    let mut answer = Answer::of(promotion).line(head);
    for sentence in explanation {
        answer = answer.line(sentence);
    }
    answer = answer.line("").table(gates, "it has no gates").more(approvals);
    if !run.is_empty() {
        answer = answer
            .line("")
            .line(format!("its run: opstella runs watch {run}"));
    }
    answer
}
