//! Following a run: each step as it ends, a bar for the whole.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::path::BASE;
use crate::error::ClientError;
use crate::http::{Api, Followed, RunEvents};
use crate::progress::{Bars, Progress};
use crate::values::{at, list, word_at};

/// How often the read model is asked whether it knows that the run has ended.
const LOOKS: u32 = 20;

/// The run that a link or an id names.
pub(super) fn run_id(link: &Value) -> Option<Uuid> {
    link.as_str()?.rsplit('/').next()?.parse().ok()
}

/// A run that ended, or is stuck.
pub(super) struct Ended {
    /// As it is.
    pub run: Value,
    /// The place of the event that ended it; empty where that is not known.
    pub position: String,
}

/// Follows a run until it ends or is stuck, and gives it as it is then.
pub(super) async fn until_ended(
    api: &Api,
    progress: &Progress,
    run: Uuid,
    timeout: Duration,
) -> Result<Ended, ClientError> {
    let deadline = Instant::now() + timeout;
    let work = follow(api, progress, run);
    match tokio::time::timeout_at(deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(ClientError::Unreachable(format!(
            "run {run} has not ended within {} s; it goes on: opstella runs watch {run}",
            timeout.as_secs()
        ))),
    }
}

async fn follow(api: &Api, progress: &Progress, run: Uuid) -> Result<Ended, ClientError> {
    let path = format!("{BASE}/runs/{run}");
    // A run that was started just now may not be readable yet: its events are.
    let known = api.get(&path).await.ok();
    let steps = known.as_ref().and_then(|run| at(run, "/steps_total").as_u64());
    let mut view = View {
        bars: progress.bar(steps.unwrap_or_default()),
        done: 0,
        back: false,
        awaited: HashMap::new(),
    };
    let mut events = RunEvents::new(api, format!("{path}/events"));
    loop {
        match events.next().await? {
            Followed::Event(event) => {
                if view.show(&event) {
                    let position = word_at(&event, "/position");
                    drop(view);
                    let run = ended(api, &path, &position).await?;
                    return Ok(Ended { run, position });
                }
            }
            Followed::Reconnected => view.bars.say("  the connection was lost and is back"),
            Followed::Paused => {
                let found = api.get(&path).await?;
                if rests(&found) {
                    return Ok(Ended {
                        run: found,
                        position: String::new(),
                    });
                }
            }
        }
    }
}

/// The run, once the read model has the event that ended it.
async fn ended(api: &Api, path: &str, position: &str) -> Result<Value, ClientError> {
    let asked = if position.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?after={position}")
    };
    let mut found = api.get(&asked).await?;
    let mut looks = 0;
    while !rests(&found) && looks < LOOKS {
        looks += 1;
        tokio::time::sleep(Duration::from_millis(250)).await;
        found = api.get(path).await?;
    }
    Ok(found)
}

/// Whether nothing happens in the run any more by itself.
fn rests(run: &Value) -> bool {
    let status = word_at(run, "/status");
    matches!(
        status.as_str(),
        "succeeded" | "failed" | "cancelled" | "abandoned" | "stuck"
    )
}

struct View {
    bars: Bars,
    done: u64,
    back: bool,
    /// What each step was last said to wait for.
    awaited: HashMap<String, String>,
}

impl View {
    /// Shows an event; whether it is one after which nothing happens by itself.
    fn show(&mut self, event: &Value) -> bool {
        let name = word_at(event, "/event_type");
        let what = at(event, "/payload").get(&name).unwrap_or(&Value::Null);
        let step = word_at(what, "/step");
        let took = at(what, "/duration_ms")
            .as_u64()
            .map_or_else(String::new, |ms| format!("{ms} ms"));
        let line = |verb: &str, rest: &str| {
            format!("  {verb:<8} {step:<42} {took:>9}  {rest}")
                .trim_end()
                .to_owned()
        };
        match name.as_str() {
            "RunPlanned" => self.bars.of(list(at(what, "/plan")).len()),
            "StepStarted" => self.bars.begin(&step),
            "StepSucceeded" => {
                self.done += 1;
                self.bars
                    .end(&step, &line("done", &word_at(what, "/outcome/resource/name")));
            }
            "StepSkipped" => {
                self.done += 1;
                self.bars.end(&step, &line("skipped", &word_at(what, "/reason")));
            }
            "StepFailed" => self.bars.end(&step, &line("failed", &word_at(what, "/message"))),
            "StepRetryScheduled" => self
                .bars
                .say(&line("again", &format!("at {}", word_at(what, "/not_before")))),
            // It is looked at again and again: said once, unless it changes.
            "StepAwaited" | "CompensationAwaited" => {
                let message = word_at(what, "/message");
                let text = line("waits", &message);
                if self.awaited.insert(step, message.clone()).as_ref() != Some(&message) {
                    self.bars.say(&text);
                }
            }
            "UnwindStarted" => {
                self.back = true;
                self.bars.say("going back: what was made is unmade");
            }
            "StepCompensated" => {
                let verb = if at(what, "/deleted") == true {
                    "unmade"
                } else {
                    "nothing"
                };
                self.bars.end(&step, &line(verb, ""));
            }
            "CompensationFailed" => self.bars.end(&step, &line("stays", &word_at(what, "/message"))),
            "RunStuck" => {
                self.bars.end(&step, &line("stuck", &word_at(what, "/message")));
                return true;
            }
            "RunSucceeded" | "RunFailed" | "RunCancelled" | "RunAbandoned" => return true,
            _ => {}
        }
        if !self.back {
            self.bars.done(self.done);
        }
        false
    }
}
