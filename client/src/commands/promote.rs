//! `opstella promote`.

use std::time::Duration;

use clap::Args;
use opstella_domain::release::ReleaseVersion;
use opstella_domain::{Environment, ServiceKey};
use reqwest::Method;
use serde_json::{Value, json};

use super::promotions::{self, Found, PromotionName, Waited};
use super::{gates, outcome, path};
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::exit::Exit;
use crate::http::Api;
use crate::values::{at, duration, set, word_at};

/// How to wait for a promotion.
#[derive(Debug, Args)]
pub(super) struct Waiting {
    /// Wait until it is over.
    #[arg(long)]
    wait: bool,
    /// Longest to wait.
    #[arg(long, default_value = "30m", requires = "wait", value_name = "TIME", value_parser = duration)]
    timeout: Duration,
}

/// Asks for a release to go into an environment. It goes once every gate is open.
#[derive(Debug, Args)]
pub struct Promote {
    /// Which service: project/service.
    service: ServiceKey,
    /// Which release.
    version: ReleaseVersion,
    /// Into which environment.
    #[arg(long, value_name = "ENVIRONMENT")]
    to: Environment,
    /// The change of the company's change management that it belongs to.
    #[arg(long, value_name = "CHANGE")]
    change: Option<String>,
    /// Wait in the queue where another promotion is in flight, instead of being refused.
    #[arg(long)]
    queue: bool,
    /// Only ask whether it could be promoted now: 0 if so, 5 if not.
    #[arg(long, conflicts_with_all = ["queue", "wait"])]
    check: bool,
    #[command(flatten)]
    waiting: Waiting,
}

/// Promotes.
pub(crate) async fn run(context: &Context, what: Promote) -> Result<Answer, ClientError> {
    let api = context.api()?;
    let promotions = format!("{}/promotions", path::service(&what.service));
    let mut body = json!({"release": what.version});
    if let Some(change) = &what.change {
        set(&mut body, "change_reference", change.as_str());
    }
    if what.check {
        set(&mut body, "environment", what.to.as_str());
        let checked = api
            .command(Method::POST, &format!("{promotions}:check"), &body)
            .await?;
        return Ok(check(checked, &what));
    }
    if what.queue {
        set(&mut body, "when_busy", "queue");
    }
    let verb = format!("{promotions}:to-{}", what.to.slug());
    let answer = ask(&api, &verb, &body).await?;
    finish(context, &api, answer, &what.waiting).await
}

/// Sends a command that asks for a promotion. Where there is one of the release already, says which.
pub(super) async fn ask(api: &Api, path: &str, body: &Value) -> Result<Value, ClientError> {
    let asked = api.command(Method::POST, path, body).await;
    asked.map_err(|mut error| {
        if let ClientError::Refused { problem, .. } = &mut error
            && problem.slug() == "name-taken"
            && let Ok(name) = word_at(&problem.document, "/existing").parse::<PromotionName>()
        {
            problem.instead = Some(format!(
                "the release is on its way there already (see it: opstella promotions show {name})"
            ));
        }
        error
    })
}

fn check(checked: Value, what: &Promote) -> Answer {
    let now = at(&checked, "/now") == true;
    let could = if now { "could" } else { "could not" };
    let head = format!("{} {} {could} go to {} now", what.service, what.version, what.to);
    let in_flight = word_at(&checked, "/in_flight");
    let table = gates::table(&checked);
    let mut answer = Answer::of(checked).line(head).table(table, "there are no gates");
    if !in_flight.is_empty() {
        answer = answer.line(format!("in flight: {}/{in_flight}", what.service));
    }
    answer.exit(if now { Exit::Done } else { Exit::Blocked })
}

/// Waits for the promotion that a command asked for, if that is wanted, and shows it.
pub(super) async fn finish(
    context: &Context,
    api: &Api,
    mut answer: Value,
    waiting: &Waiting,
) -> Result<Answer, ClientError> {
    let position = word_at(&answer, "/position");
    let found = match word_at(&answer, "/resource").parse::<PromotionName>() {
        Ok(name) => name.find(api).await?,
        Err(_) => {
            let why = "the server's answer names no promotion; is this client older than the server?";
            return Err(ClientError::Unreachable(why.to_owned()));
        }
    };
    if !waiting.wait {
        return Ok(left(context, api, answer, &found, &position).await);
    }
    context.progress.say(&format!("promotion {}", found.name()));
    let waited = promotions::until_over(api, &context.progress, &found, &position, waiting.timeout).await?;
    let Waited { promotion, exit } = waited;
    let text = promotions::shown(promotion.clone()).text;
    let line = outcome::of_promotion(&promotion);
    set(&mut answer, "promotion", promotion);
    let mut answer = Answer::of(answer).exit(exit);
    // Why it did not come about is worth more than a line.
    if exit == Exit::Done {
        return Ok(answer.line(line));
    }
    answer.text = text;
    Ok(answer)
}

/// What a command left the promotion as. The command was carried out, whether that can be read or not.
pub(super) async fn left(
    context: &Context,
    api: &Api,
    mut answer: Value,
    found: &Found,
    position: &str,
) -> Answer {
    match api.get(&format!("{}?after={position}", found.path())).await {
        Ok(promotion) => {
            let mut lines = vec![outcome::of_promotion(&promotion)];
            lines.extend(outcome::explanation(&promotion));
            set(&mut answer, "promotion", promotion);
            let answer = Answer::of(answer).line(format!("promotion {}", found.name()));
            lines.into_iter().fold(answer, Answer::line)
        }
        Err(error) => {
            context
                .progress
                .say(&format!("done, but the promotion cannot be shown: {error}"));
            Answer::of(answer).line(format!("promotion {}", found.name()))
        }
    }
}
