//! What the environment before has to say.

use chrono::TimeDelta;

use crate::policy::{GateInput, GateName, GateResult};

/// The environment before runs the release, well.
pub fn healthy_before(input: &GateInput) -> GateResult {
    let gate = GateName::HEALTHY_BEFORE;
    let Some(before) = &input.predecessor else {
        return GateResult::passed(gate, "there is no environment before");
    };
    let environment = before.environment;
    let remedy = format!("deploy the release to {environment} and see to it that it is healthy there");
    match &before.running {
        Some(running) if running.release == input.release && running.healthy => {
            GateResult::passed(gate, format!("the release is healthy in {environment}"))
        }
        Some(running) if running.release == input.release => GateResult::failed(
            gate,
            format!("the release is not healthy in {environment}"),
            remedy,
        ),
        Some(running) => {
            let reason = format!("{environment} runs {}, not {}", running.release, input.release);
            GateResult::failed(gate, reason, remedy)
        }
        None => GateResult::failed(gate, format!("{environment} runs nothing"), remedy),
    }
}

/// The environment before has run the release for a while.
pub fn soaked(input: &GateInput, minutes: u32) -> GateResult {
    let gate = GateName::SOAK;
    let Some(before) = &input.predecessor else {
        return GateResult::passed(gate, "there is no environment before");
    };
    let environment = before.environment;
    let running = before.running.as_ref().filter(|r| r.release == input.release);
    let Some(running) = running else {
        let reason = format!("the release does not run in {environment}");
        return GateResult::failed(gate, reason, format!("deploy it to {environment} first"));
    };
    let since = running.since.format("%Y-%m-%d %H:%M UTC");
    let until = running.since + TimeDelta::minutes(i64::from(minutes));
    if until <= input.at {
        return GateResult::passed(gate, format!("in {environment} since {since}"));
    }
    let reason = format!("in {environment} since {since}, {minutes} minutes are asked for");
    let remedy = format!("wait until {}", until.format("%Y-%m-%d %H:%M UTC"));
    GateResult {
        opens_at: Some(until),
        ..GateResult::waiting(gate, reason, remedy)
    }
}
