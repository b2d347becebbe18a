//! Looking at all gates.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gates::{
    change_reference, dynamic_scan, frozen, healthy_before, open_critical, quality, sbom, soaked, tests,
    vulnerabilities,
};
use super::{
    ApprovalRule, CustomGate, GateInput, GateName, GateResult, GateVerdict, PolicyRules, PolicyVersions,
};
use crate::Environment;
use crate::evidence::{Severity, Verdict};
use crate::release::{Digest, Waiver};

/// All gates but the approvals', looked at, and what the approvals' has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// By which versions of the policies.
    pub policy: PolicyVersions,
    /// The gates.
    pub gates: Vec<GateResult>,
    /// Who has to approve.
    pub approvals: Vec<ApprovalRule>,
    /// Who wrote what is in the release does not approve it.
    pub independent_approvers: bool,
    /// What approvals rest on: images, policy, verdicts. Another basis voids them.
    pub basis: Digest,
}

impl Evaluation {
    /// Whether all its gates are open.
    pub fn open(&self) -> bool {
        self.gates.iter().all(|gate| gate.verdict.open())
    }
}

/// Looks at all gates of the rules but the approvals'. `custom` are the results of the rules' custom gates, which are
/// not the domain's to compute.
pub fn evaluate(rules: &PolicyRules, input: &GateInput, custom: Vec<GateResult>) -> Evaluation {
    let looked = [
        rules.quality_gate.then(|| quality(input)),
        rules.tests.then(|| tests(input)),
        rules.sbom.then(|| sbom(input)),
        rules
            .max_critical
            .map(|most| vulnerabilities(input, GateName::CRITICAL, Severity::Critical, most)),
        rules
            .max_high
            .map(|most| vulnerabilities(input, GateName::HIGH, Severity::High, most)),
        rules.healthy_before.then(|| healthy_before(input)),
    ];
    let scans = rules.dynamic_scan.iter().chain(&rules.also_scanned);
    let scans = scans.map(|environment| dynamic_scan(input, *environment));
    let looked_then = [
        rules.no_open_critical.then(|| open_critical(input)),
        (rules.soak_minutes > 0).then(|| soaked(input, rules.soak_minutes)),
        (!rules.freezes.is_empty()).then(|| frozen(input, rules)),
        rules.change_reference.then(|| change_reference(input)),
    ];
    let unlooked = rules.custom.iter().filter_map(|gate| unlooked(gate, &custom));
    let unlooked: Vec<GateResult> = unlooked.collect();
    let gates: Vec<GateResult> = looked
        .into_iter()
        .flatten()
        .chain(scans)
        .chain(looked_then.into_iter().flatten())
        .chain(custom)
        .chain(unlooked)
        .map(|gate| {
            let module = rules.module(&gate.gate);
            waived(gate, module.as_ref(), &input.waivers, input.at)
        })
        .collect();
    Evaluation {
        policy: input.policy,
        basis: basis(input, &gates),
        gates,
        approvals: rules.approvals.clone(),
        independent_approvers: rules.independent_approvers,
    }
}

/// A custom gate of the rules without a result is closed: nothing passes because a gate was forgotten.
fn unlooked(gate: &CustomGate, results: &[GateResult]) -> Option<GateResult> {
    let name = GateName::custom(&gate.name);
    if results.iter().any(|result| result.gate == name) {
        return None;
    }
    Some(GateResult {
        gate: name,
        verdict: GateVerdict::Failed,
        reason: "it was not looked at".to_owned(),
        remedy: Some("a platform admin looks into the server's log why it was not evaluated".to_owned()),
        opens_at: None,
        evidence: Vec::new(),
    })
}

/// Images, policy, and what the gates say that do not change by themselves: each with its verdict and the reports that
/// failed among those that it looked at. So what no gate looks at voids no approval, nor does one more report that passed;
/// a report that turns bad does, also where the gate bears with it.
fn basis(input: &GateInput, gates: &[GateResult]) -> Digest {
    let mut text = format!("{} {}\n", input.policy.platform, input.policy.project);
    for (name, image) in &input.images {
        text.push_str(&format!("{name} {}\n", image.digest));
    }
    for gate in gates.iter().filter(|gate| !gate.gate.changes_by_itself()) {
        text.push_str(&format!("{} {}\n", gate.gate, gate.verdict.slug()));
        for failed in failed(input, gate) {
            text.push_str(&format!("  {failed}\n"));
        }
    }
    Digest::of(text.as_bytes())
}

/// The reports that failed among those that a gate looked at: of which image, and of what.
fn failed(input: &GateInput, gate: &GateResult) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (name, image) in &input.images {
        let looked_at = image
            .evidence
            .iter()
            .filter(|e| gate.evidence.contains(&e.report));
        for evidence in looked_at.filter(|e| e.verdict == Verdict::Failed) {
            let environment = evidence.environment.map_or("-", Environment::as_str);
            let series = evidence.series().unwrap_or("-");
            all.insert(format!("{name} {} {environment} {series}", evidence.kind));
        }
    }
    all
}

/// A closed gate that is waived as a whole.
fn waived(gate: GateResult, module: Option<&Digest>, waivers: &[Waiver], at: DateTime<Utc>) -> GateResult {
    let whole = |waiver: &&Waiver| {
        waiver.gate == gate.gate && waiver.finding.is_none() && waiver.is_of(module) && waiver.counts(at)
    };
    match waivers.iter().find(whole) {
        Some(waiver) if !gate.verdict.open() && gate.gate.may_be_waived() => GateResult {
            verdict: GateVerdict::Waived,
            reason: format!("{} ({})", waiver.text(), gate.reason),
            remedy: None,
            opens_at: None,
            ..gate
        },
        _ => gate,
    }
}
