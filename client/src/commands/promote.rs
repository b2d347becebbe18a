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
use crate::values::{at, duration, list, set, word_at};

/// How many services of a project are looked through for one.
const SEARCHED: usize = 2000;

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
        let asked = api
            .command(Method::POST, &format!("{promotions}:check"), &body)
            .await;
        return asked.map_or_else(|error| not_now(error, &what), |checked| Ok(check(checked, &what)));
    }
    if what.queue {
        set(&mut body, "when_busy", "queue");
    }
    let verb = format!("{promotions}:to-{}", what.to.slug());
    match ask(&api, &verb, &body).await {
        Ok(answer) => finish(context, &api, answer, &what.waiting).await,
        Err(error) => done_before(context, &api, &what, error).await,
    }
}

/// What is asked for may have been done already, or be under way: a job of CI that runs again has not failed for that.
async fn done_before(
    context: &Context,
    api: &Api,
    what: &Promote,
    error: ClientError,
) -> Result<Answer, ClientError> {
    let Some(problem) = error.problem() else {
        return Err(error);
    };
    match problem.slug() {
        "wrong-state" => {
            if let Some(running) = running(api, what).await {
                let line = format!("{} {} runs in {} already", what.service, what.version, what.to);
                return Ok(Answer::of(json!({"running": running})).line(line));
            }
        }
        "name-taken" if what.waiting.wait => {
            let existing = word_at(&problem.document, "/existing");
            if existing.parse::<PromotionName>().is_ok() {
                context.progress.say(&problem.to_string());
                return finish(context, api, json!({"resource": existing}), &what.waiting).await;
            }
        }
        _ => {}
    }
    Err(error)
}

/// The environment as the matrix has it, if it runs the release and nothing else. The problem says that in a sentence
/// only, which is for people.
async fn running(api: &Api, what: &Promote) -> Option<Value> {
    let project = [("project", Some(what.service.project.to_string()))];
    let matrix = path::with_query(&format!("{}/matrix", path::BASE), &project);
    let services = api.list(&matrix, SEARCHED).await.ok()?;
    let name = what.service.service.to_string();
    let service = services.iter().find(|one| word_at(one, "/service") == name)?;
    let found = list(at(service, "/environments"))
        .iter()
        .find(|one| word_at(one, "/environment") == what.to.as_str())?;
    let drifts = !matches!(at(found, "/drift"), Value::Null | Value::Bool(false));
    let runs = word_at(found, "/release") == what.version.to_string() && !drifts;
    runs.then(|| found.clone())
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

/// That a release does not fit the state of what it is to go to, or not yet, answers the question too.
fn not_now(error: ClientError, what: &Promote) -> Result<Answer, ClientError> {
    let Some(problem) = error.problem().filter(|problem| problem.slug() == "wrong-state") else {
        return Err(error);
    };
    let answer = Answer::of(json!({"now": false, "problem": problem.document}));
    Ok(answer
        .line(could(what, false))
        .line(problem.to_string())
        .exit(Exit::Blocked))
}

fn could(what: &Promote, now: bool) -> String {
    let could = if now { "could" } else { "could not" };
    format!("{} {} {could} go to {} now", what.service, what.version, what.to)
}

fn check(checked: Value, what: &Promote) -> Answer {
    let now = at(&checked, "/now") == true;
    let head = could(what, now);
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
    let Waited { promotion, exit } =
        promotions::until_over(api, &context.progress, &found, &position, waiting.timeout)
            .await
            .map_err(|error| error.while_waiting(&format!("opstella promotions show {}", found.name())))?;
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
