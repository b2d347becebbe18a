//! Waiting for a promotion: what changes is told, and its run is shown live.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::follow;
use super::super::outcome::{self, Stand};
use super::Found;
use crate::error::ClientError;
use crate::exit::Exit;
use crate::http::Api;
use crate::progress::Progress;
use crate::values::{at, word_at};

const FIRST_LOOK: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Longest that showing what already happened may take.
const LOOKING_BACK: Duration = Duration::from_secs(10);

/// A promotion that was waited for.
pub(crate) struct Waited {
    /// As it is now.
    pub promotion: Value,
    /// How it went.
    pub exit: Exit,
}

/// Waits until a promotion is over, or for so long.
pub(crate) async fn until_over(
    api: &Api,
    progress: &Progress,
    found: &Found,
    position: &str,
    timeout: Duration,
) -> Result<Waited, ClientError> {
    let deadline = Instant::now() + timeout;
    let path = found.path();
    let mut promotion = first_look(api, &path, position).await?;
    let mut pause = FIRST_LOOK;
    let mut told = String::new();
    let mut followed = None;
    loop {
        tell(progress, &promotion, &mut told);
        let stand = outcome::stand(&promotion);
        let run = follow::run_id(at(&promotion, "/run"));
        if let Some(run) = run.filter(|run| followed != Some(*run)) {
            followed = Some(run);
            // Of a run that ended before anybody looked, the steps are shown too.
            let until = match stand {
                Stand::Over(_) => Instant::now() + LOOKING_BACK,
                Stand::Waits | Stand::Works => deadline,
            };
            watch(api, progress, run, until).await;
            pause = FIRST_LOOK;
        }
        if let Stand::Over(exit) = stand {
            return Ok(Waited { promotion, exit });
        }
        let now = Instant::now();
        if now >= deadline {
            let exit = match stand {
                Stand::Waits => Exit::Blocked,
                Stand::Works | Stand::Over(_) => Exit::Unreachable,
            };
            progress.ask(&format!(
                "not over within {} s; it goes on: opstella promotions show {}",
                timeout.as_secs(),
                found.name()
            ));
            return Ok(Waited { promotion, exit });
        }
        tokio::time::sleep_until((now + pause).min(deadline)).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        match api.get(&path).await {
            Ok(now) => promotion = now,
            // A server that starts anew is no reason to stop waiting for it.
            Err(error @ (ClientError::Unreachable(_) | ClientError::Unavailable { .. }))
                if Instant::now() < deadline =>
            {
                progress.say(&format!("{error}; waiting for it"));
            }
            Err(error) => return Err(error),
        }
    }
}

/// The promotion as the command left it.
async fn first_look(api: &Api, path: &str, position: &str) -> Result<Value, ClientError> {
    if position.is_empty() {
        return api.get(path).await;
    }
    api.get(&format!("{path}?after={position}")).await
}

/// Shows the run as it goes. What becomes of the promotion is read from the promotion.
async fn watch(api: &Api, progress: &Progress, run: Uuid, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    if let Err(error) = follow::until_ended(api, progress, run, left).await {
        progress.say(&error.to_string());
    }
}

fn tell(progress: &Progress, promotion: &Value, told: &mut String) {
    let mut text = vec![outcome::of_promotion(promotion)];
    text.extend(
        outcome::explanation(promotion)
            .into_iter()
            .map(|sentence| format!("  {sentence}")),
    );
    let text = text.join("\n");
    if text != *told && !word_at(promotion, "/state").is_empty() {
        text.lines().for_each(|line| progress.say(line));
        *told = text;
    }
}
