//! What the environment before has to say.

use chrono::{DateTime, TimeDelta, Utc};

use crate::policy::{GateInput, GateName, GateResult, Running};
use crate::{ComponentName, Environment};

/// The environment before runs the release, well: all of its images, by whichever releases they came there.
pub fn healthy_before(input: &GateInput) -> GateResult {
    let gate = GateName::HEALTHY_BEFORE;
    let Some(before) = &input.predecessor else {
        return GateResult::passed(gate, "there is no environment before");
    };
    let environment = before.environment;
    let remedy = format!("deploy the release to {environment} and see to it that it is healthy there");
    let Some(running) = &before.running else {
        return GateResult::failed(gate, format!("{environment} runs nothing"), remedy);
    };
    if let Err(reason) = since(input, environment, running) {
        return GateResult::failed(gate, reason, remedy);
    }
    match running.healthy {
        true => GateResult::passed(gate, format!("the release is healthy in {environment}")),
        false => GateResult::failed(gate, ill(environment), remedy),
    }
}

/// The environment before has run the release for a while, well: its images, by whichever releases they came there.
pub fn soaked(input: &GateInput, minutes: u32) -> GateResult {
    let gate = GateName::SOAK;
    let Some(before) = &input.predecessor else {
        return GateResult::passed(gate, "there is no environment before");
    };
    let environment = before.environment;
    let Some(running) = &before.running else {
        let reason = format!("the release does not run in {environment}");
        return GateResult::failed(gate, reason, format!("deploy it to {environment} first"));
    };
    let since = match since(input, environment, running) {
        Ok(since) => since,
        Err(reason) => return GateResult::failed(gate, reason, format!("deploy it to {environment} first")),
    };
    if !running.healthy {
        let remedy =
            format!("see to it that it is healthy in {environment}; the {minutes} minutes begin then");
        return GateResult::failed(gate, ill(environment), remedy);
    }
    // What was ill, or changed by hand, was not tried.
    let (since, words) = match running.well_since {
        Some(well) if well > since => (well, "well "),
        _ => (since, ""),
    };
    let until = since + TimeDelta::minutes(i64::from(minutes));
    let since = format!(
        "{words}in {environment} since {}",
        since.format("%Y-%m-%d %H:%M UTC")
    );
    if until <= input.at {
        return GateResult::passed(gate, since);
    }
    let remedy = format!("wait until {}", until.format("%Y-%m-%d %H:%M UTC"));
    GateResult {
        opens_at: Some(until),
        ..GateResult::waiting(gate, format!("{since}, {minutes} minutes are asked for"), remedy)
    }
}

fn ill(environment: Environment) -> String {
    format!("the release is not healthy in {environment}")
}

/// Since when all images of the release run in the environment; else what runs there, in words.
fn since(input: &GateInput, environment: Environment, running: &Running) -> Result<DateTime<Utc>, String> {
    let mut since = None;
    let mut others: Vec<&str> = Vec::new();
    for (component, image) in &input.images {
        match running.images.get(component) {
            Some(there) if there.digest == image.digest => since = since.max(Some(there.since)),
            _ => others.push(ComponentName::as_str(component)),
        }
    }
    if others.is_empty() {
        return Ok(since.unwrap_or(running.since));
    }
    let (release, asked) = (&running.release, &input.release);
    Err(match since {
        None => format!("{environment} runs {release}, not {asked}"),
        Some(_) => format!(
            "{environment} runs another image of {} than {asked} has",
            others.join(", ")
        ),
    })
}
