//! The run, live: a line for each step as it ends, and a bar for the whole.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{Client, DemoError, at, steps};

/// Longest that the demo waits for anything to happen in the run.
const PATIENCE: Duration = Duration::from_secs(120);

/// Follows the run's events until it ends or is stuck; the position of that.
pub async fn until_ended(client: &Client, run: &str, plan: &Value) -> Result<String, DemoError> {
    let total = u64::try_from(steps(plan).len()).unwrap_or(u64::MAX);
    let style = ProgressStyle::with_template("{elapsed:>4} {bar:40.green/black} {pos}/{len} steps  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(total).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    let say = |line: String| {
        if bar.is_hidden() {
            println!("{line}")
        } else {
            bar.println(line)
        }
    };
    let mut under_way = HashSet::new();
    let mut events = Box::pin(client.events(format!("{run}/events")).await?);
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await;
        let Ok(Some(event)) = event else {
            return Err(DemoError::Unexpected(format!(
                "nothing more was heard of the run {run}"
            )));
        };
        let event = event?;
        let name = at(&event, "/event_type").as_str().unwrap_or_default().to_owned();
        let what = at(at(&event, "/payload"), &format!("/{name}"));
        let step = at(what, "/step").as_str().unwrap_or_default().to_owned();
        let took = at(what, "/duration_ms").as_u64().unwrap_or_default();
        match name.as_str() {
            "StepStarted" => {
                under_way.insert(step);
            }
            "StepSucceeded" => {
                under_way.remove(&step);
                bar.inc(1);
                let there = at(what, "/outcome/resource/name").as_str().unwrap_or_default();
                say(format!("  made     {step:<42} {took:>6} ms  {there}"));
            }
            "StepFailed" => {
                under_way.remove(&step);
                say(format!(
                    "  failed   {step:<42} {took:>6} ms  {}",
                    text(at(what, "/message"))
                ));
            }
            "StepRetryScheduled" => say(format!(
                "  again    {step:<42}            at {}",
                text(at(what, "/not_before"))
            )),
            "UnwindStarted" => say("\nunwinding: what was made is unmade\n".to_owned()),
            "StepCompensated" => {
                let verb = if at(what, "/deleted") == true {
                    "unmade"
                } else {
                    "nothing"
                };
                say(format!("  {verb:<8} {step:<42} {took:>6} ms"));
            }
            "CompensationFailed" => say(format!(
                "  stays    {step:<42}            {}",
                text(at(what, "/message"))
            )),
            "RunSucceeded" | "RunFailed" | "RunCancelled" | "RunAbandoned" | "RunStuck" => {
                bar.finish_and_clear();
                return Ok(text(at(&event, "/position")).to_owned());
            }
            _ => {}
        }
        bar.set_message(format!("{} under way", under_way.len()));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
