//! Gates written in Rego, over the same input as the others.

use opstella_domain::policy::{CustomGate, GateInput, GateName, GateResult, GateVerdict};

/// Looks at custom gates. One that cannot be evaluated is closed, and says why.
pub(super) async fn evaluate(gates: &[CustomGate], input: &GateInput) -> Vec<GateResult> {
    let _ = input;
    let closed = |gate: &CustomGate| {
        let name: GateName = format!("custom:{}", gate.name).parse().ok()?;
        Some(GateResult {
            gate: name,
            verdict: GateVerdict::Failed,
            reason: "cannot be evaluated".to_owned(),
            remedy: None,
            opens_at: None,
            evidence: Vec::new(),
        })
    };
    gates.iter().filter_map(closed).collect()
}
