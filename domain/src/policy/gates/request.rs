//! What the request itself has to bring: a moment at which something may go in, and a change.

use crate::policy::{GateInput, GateName, GateResult, GateVerdict, PolicyRules};

/// No freeze holds now, or two people have overridden it.
pub fn frozen(input: &GateInput, rules: &PolicyRules) -> GateResult {
    let gate = GateName::FREEZE;
    let holding = rules
        .freezes
        .iter()
        .filter_map(|window| window.holds_until(input.at).map(|until| (until, window)))
        .max_by_key(|(until, _)| *until);
    match holding {
        None => GateResult::passed(gate, "no freeze holds"),
        Some((_, window)) if input.freeze_overridden => GateResult {
            verdict: GateVerdict::Waived,
            ..GateResult::passed(
                gate,
                format!("the freeze `{}` was overridden by two people", window.name),
            )
        },
        Some((until, window)) => {
            let reason = format!("the freeze `{}` holds", window.name);
            let until_text = until.format("%Y-%m-%d %H:%M UTC");
            let remedy =
                format!("wait until {until_text}, or have a platform admin and a second person override it");
            GateResult {
                opens_at: Some(until),
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
