//! Looking at all gates.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gates::{
    change_reference, dynamic_scan, frozen, healthy_before, open_critical, quality, sbom, soaked, tests,
    vulnerabilities,
};
use super::{
    ApprovalRule, CustomGate, GateInput, GateName, GateResult, GateVerdict, ImageEvidence, PolicyRules,
    PolicyVersions,
};
use crate::Environment;
use crate::evidence::{Evidence, ReportKind, Severity, Verdict};
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
        rules
            .dynamic_scan
            .map(|environment| dynamic_scan(input, environment)),
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
        .chain(custom)
        .chain(unlooked)
        .map(|gate| waived(gate, &input.waivers, input.at))
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

/// Images, policy, the verdicts of gates that do not change by themselves, and that of the newest evidence of each kind,
/// whether a gate looks at it or not.
fn basis(input: &GateInput, gates: &[GateResult]) -> Digest {
    let mut text = format!("{} {}\n", input.policy.platform, input.policy.project);
    for (name, image) in &input.images {
        text.push_str(&format!("{name} {}\n", image.digest));
        for (kind, environment, verdict) in verdicts(image) {
            let environment = environment.map_or("-", Environment::as_str);
            text.push_str(&format!("{kind} {environment} {}\n", verdict.slug()));
        }
    }
    for gate in gates.iter().filter(|gate| !gate.gate.changes_by_itself()) {
        text.push_str(&format!("{} {}\n", gate.gate, gate.verdict.slug()));
    }
    Digest::of(text.as_bytes())
}

/// What the newest evidence of each kind comes to; of dynamic scans, of each environment.
fn verdicts(image: &ImageEvidence) -> Vec<(ReportKind, Option<Environment>, Verdict)> {
    let mut newest: BTreeMap<(ReportKind, Option<Environment>), &Evidence> = BTreeMap::new();
    for evidence in &image.evidence {
        let known = newest
            .entry((evidence.kind, evidence.environment))
            .or_insert(evidence);
        if evidence.made_at() >= known.made_at() {
            *known = evidence;
        }
    }
    let told = |((kind, environment), evidence): (_, &Evidence)| (kind, environment, evidence.verdict);
    newest.into_iter().map(told).collect()
}

/// A closed gate that is waived as a whole.
fn waived(gate: GateResult, waivers: &[Waiver], at: DateTime<Utc>) -> GateResult {
    let whole = |waiver: &&Waiver| waiver.gate == gate.gate && waiver.finding.is_none() && waiver.counts(at);
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
