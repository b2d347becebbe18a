//! `opstella runs watch`.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use super::{follow, outcome};
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::output::{Cell, Table};
use crate::values::{at, duration, list, word_at};

/// Follows a run live, until it ends or waits for an operator.
#[derive(Debug, Args)]
pub struct Watch {
    /// Which.
    run: Uuid,
    /// Longest to wait.
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = duration)]
    timeout: Duration,
}

/// Follows it.
pub(crate) async fn run(context: &Context, what: Watch) -> Result<Answer, ClientError> {
    let api = context.api()?;
    let ended = follow::until_ended(&api, &context.progress, what.run, what.timeout).await?;
    Ok(shown(ended.run))
}

fn shown(run: Value) -> Answer {
    let (line, exit) = outcome::of_run(&run);
    let mut table = Table::new(["step", "tool", "phase", "tries", "took", "error"]);
    for step in list(at(&run, "/steps")) {
        let took = at(step, "/duration_ms")
            .as_u64()
            .map_or_else(String::new, |ms| format!("{ms} ms"));
        table.row([
            word_at(step, "/step").into(),
            word_at(step, "/tool").into(),
            Cell::state(word_at(step, "/phase")),
            word_at(step, "/attempt").into(),
            took.into(),
            word_at(step, "/last_error").into(),
        ]);
    }
    let head = format!(
        "{} of {}/{}: {line}",
        word_at(&run, "/saga"),
        word_at(&run, "/project"),
        word_at(&run, "/service")
    );
    Answer::of(run)
        .table(table, "it has no step")
        .line(head)
        .exit(exit)
}
