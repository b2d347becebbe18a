//! What the request itself has to bring: a moment at which something may go in, and a change.

use crate::policy::{GateInput, GateName, GateResult, GateVerdict, HeldFreeze, PolicyRules};

/// No freeze holds now, or two platform admins have overridden each that does.
pub fn frozen(input: &GateInput, rules: &PolicyRules) -> GateResult {
    let gate = GateName::FREEZE;
    let held = rules.freezes_held(input.at);
    let overridden = |freeze: &&HeldFreeze| {
        let mut overrides = input.overridden_freezes.iter();
        overrides.any(|o| o.covers(freeze, input.at))
    };
    let last = |freezes: Vec<&HeldFreeze>| freezes.into_iter().max_by_key(|freeze| freeze.until).cloned();
    let (broken, closed): (Vec<_>, Vec<_>) = held.iter().partition(overridden);
    match (last(closed), last(broken)) {
        (None, None) => GateResult::passed(gate, "no freeze holds"),
        (None, Some(freeze)) => GateResult {
            verdict: GateVerdict::Waived,
            ..GateResult::passed(
                gate,
                format!(
                    "the freeze `{}` was overridden by two platform admins",
                    freeze.window.name
                ),
            )
        },
        (Some(freeze), _) => {
            let reason = format!("the freeze `{}` holds", freeze.window.name);
            let until = freeze.until.format("%Y-%m-%d %H:%M UTC");
            let remedy = format!(
                "wait until {until}, or have a platform admin override it and a second platform admin confirm that"
            );
            GateResult {
                opens_at: Some(freeze.until),
                ..GateResult::waiting(gate, reason, remedy)
            }
        }
    }
}

/// The promotion names a change.
pub fn change_reference(input: &GateInput) -> GateResult {
    match &input.change_reference {
        Some(change) => GateResult::passed(GateName::CHANGE_REFERENCE, format!("change {change}")),
        None => GateResult::failed(
            GateName::CHANGE_REFERENCE,
            "the promotion names no change",
            "ask for the promotion again with `change_reference`",
        ),
    }
}
