//! Looking at all gates.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ApprovalRule, GateInput, GateName, GateResult, GateVerdict, ImageEvidence, PolicyRules, PolicyVersions,
};
use crate::evidence::{Evidence, ReportKind, Severity, Verdict};
use crate::release::{Digest, Waiver};
use crate::{ComponentName, Environment};

/// All gates but the approvals', looked at, and what the approvals' has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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
    let gates: Vec<GateResult> = looked
        .into_iter()
        .flatten()
        .chain(custom)
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

/// Images, policy and the verdicts that do not change by themselves.
fn basis(input: &GateInput, gates: &[GateResult]) -> Digest {
    let mut text = format!("{} {}\n", input.policy.platform, input.policy.project);
    for (name, image) in &input.images {
        text.push_str(&format!("{name} {}\n", image.digest));
    }
    for gate in gates.iter().filter(|gate| !gate.gate.changes_by_itself()) {
        let open = if gate.verdict.open() { "open" } else { "closed" };
        text.push_str(&format!("{} {open}\n", gate.gate));
    }
    Digest::of(text.as_bytes())
}

/// A closed gate that is waived as a whole.
fn waived(gate: GateResult, waivers: &[Waiver], at: DateTime<Utc>) -> GateResult {
    let whole = |waiver: &&Waiver| waiver.gate == gate.gate && waiver.finding.is_none() && waiver.counts(at);
    match waivers.iter().find(whole) {
        Some(waiver) if !gate.verdict.open() && gate.gate.may_be_waived() => GateResult {
            verdict: GateVerdict::Waived,
            reason: format!(
                "waived by {} until {}: {} ({})",
                waiver.by,
                waiver.expires_at.format("%Y-%m-%d %H:%M UTC"),
                waiver.reason,
                gate.reason
            ),
            remedy: None,
            opens_at: None,
            ..gate
        },
        _ => gate,
    }
}

fn newest(image: &ImageEvidence, kind: ReportKind) -> Option<&Evidence> {
    image.evidence.iter().rev().find(|e| e.kind == kind)
}

/// What is wrong with each image, in words.
struct Look {
    reports: Vec<Digest>,
    missing: Vec<String>,
    wrong: Vec<String>,
}

fn look<'a>(
    input: &'a GateInput,
    find: impl Fn(&'a ImageEvidence) -> Option<&'a Evidence>,
    wrong: impl Fn(&'a Evidence) -> Option<String>,
) -> Look {
    let mut found = Look {
        reports: Vec::new(),
        missing: Vec::new(),
        wrong: Vec::new(),
    };
    let named = |name: &ComponentName, what: String| format!("{name}: {what}");
    for (name, image) in &input.images {
        match find(image) {
            None => found.missing.push(name.to_string()),
            Some(evidence) => {
                found.reports.push(evidence.report.clone());
                found.wrong.extend(wrong(evidence).map(|what| named(name, what)));
            }
        }
    }
    found
}

impl Look {
    fn result(self, gate: &'static str, what: &str, passed: String, remedy: &str) -> GateResult {
        let result = if !self.missing.is_empty() {
            let reason = format!("there is no {what} of {}", self.missing.join(", "));
            GateResult::failed(gate, reason, format!("add a {what} of each image"))
        } else if !self.wrong.is_empty() {
            GateResult::failed(gate, self.wrong.join("; "), remedy)
        } else {
            GateResult::passed(gate, passed)
        };
        result.on(self.reports)
    }
}

fn quality(input: &GateInput) -> GateResult {
    look(
        input,
        |image| newest(image, ReportKind::QualityGate),
        |e| (e.verdict == Verdict::Failed).then(|| "the quality gate is not passed".to_owned()),
    )
    .result(
        GateName::QUALITY,
        "quality gate",
        "the quality gate is passed".to_owned(),
        "mend what SonarQube names and register a new release",
    )
}

fn tests(input: &GateInput) -> GateResult {
    let failed = |e: &Evidence| {
        let failed = e.tests.map_or(0, |tests| tests.failed);
        (failed > 0 || e.verdict == Verdict::Failed).then(|| format!("{failed} tests failed"))
    };
    look(input, |image| newest(image, ReportKind::Tests), failed).result(
        GateName::TESTS,
        "test report",
        "all tests passed".to_owned(),
        "mend the tests and register a new release",
    )
}

fn sbom(input: &GateInput) -> GateResult {
    look(input, |image| newest(image, ReportKind::Sbom), |_| None).result(
        GateName::SBOM,
        "bill of materials",
        "every image has a bill of materials".to_owned(),
        "",
    )
}

/// Trivy's own report, or Harbor's; the newer where there are both.
fn image_scan(image: &ImageEvidence) -> Option<&Evidence> {
    let kinds = [ReportKind::ImageScan, ReportKind::RegistryScan];
    let scans = image.evidence.iter().filter(|e| kinds.contains(&e.kind));
    scans.max_by_key(|e| e.recorded_at)
}

/// The findings of a severity that no waiver names, in words; none where they are few enough.
fn too_many(
    input: &GateInput,
    gate: &'static str,
    evidence: &Evidence,
    severity: Severity,
    most: u32,
) -> Option<String> {
    let waived = |id: &str| {
        input.waivers.iter().any(|waiver| {
            waiver.gate.as_str() == gate && waiver.finding.as_deref() == Some(id) && waiver.counts(input.at)
        })
    };
    let of: Vec<&str> = evidence
        .findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.id.as_str())
        .collect();
    let passed_over = of.iter().filter(|id| waived(id)).count();
    let passed_over = u32::try_from(passed_over).unwrap_or(u32::MAX);
    let left = evidence.counts.of(severity).saturating_sub(passed_over);
    if left <= most {
        return None;
    }
    let mut names: Vec<&str> = of.into_iter().filter(|id| !waived(id)).collect();
    names.dedup();
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let word = format!("{severity:?}").to_lowercase();
    let names = if shown.is_empty() {
        String::new()
    } else {
        format!(" ({shown}{})", if names.len() > 3 { ", …" } else { "" })
    };
    Some(format!(
        "{left} {word} findings{names}, at most {most} may be there"
    ))
}

fn vulnerabilities(input: &GateInput, gate: &'static str, severity: Severity, most: u32) -> GateResult {
    look(input, image_scan, |e| too_many(input, gate, e, severity, most)).result(
        gate,
        "image scan",
        format!("at most {most} {severity:?} vulnerabilities").to_lowercase(),
        "build the images anew with mended packages and register a new release, or have security waive the findings",
    )
}

fn open_critical(input: &GateInput) -> GateResult {
    let gate = GateName::OPEN_CRITICAL;
    let mut reports = Vec::new();
    let mut wrong = Vec::new();
    for (name, image) in &input.images {
        for evidence in &image.evidence {
            reports.push(evidence.report.clone());
            let most = too_many(input, gate, evidence, Severity::Critical, 0);
            wrong.extend(most.map(|what| format!("{name}, {}: {what}", evidence.kind)));
        }
    }
    if wrong.is_empty() {
        return GateResult::passed(gate, "no report has an open critical finding").on(reports);
    }
    let remedy = "mend the findings and register a new release, or have security waive them";
    GateResult::failed(gate, wrong.join("; "), remedy).on(reports)
}

fn dynamic_scan(input: &GateInput, environment: Environment) -> GateResult {
    let gate = GateName::DYNAMIC_SCAN;
    let scan = |e: &&Evidence| e.kind == ReportKind::DynamicScan && e.environment == Some(environment);
    // A scan of the environment looks at the service as a whole: one image bears it for all.
    let newest = input
        .images
        .values()
        .filter_map(|image| image.evidence.iter().rev().find(scan))
        .max_by_key(|e| e.recorded_at);
    let Some(evidence) = newest else {
        let reason = format!("there is no dynamic scan of {environment} with these images");
        let remedy = format!("run ZAP's baseline scan on {environment} and add its report");
        return GateResult::failed(gate, reason, remedy);
    };
    let reports = vec![evidence.report.clone()];
    match too_many(input, gate, evidence, Severity::High, 0) {
        None => GateResult::passed(gate, format!("the scan of {environment} has no high alert")).on(reports),
        Some(what) => {
            let remedy = "mend what ZAP names, or have security waive the alerts";
            GateResult::failed(gate, format!("the scan of {environment}: {what}"), remedy).on(reports)
        }
    }
}

fn healthy_before(input: &GateInput) -> GateResult {
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

fn soaked(input: &GateInput, minutes: u32) -> GateResult {
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

fn frozen(input: &GateInput, rules: &PolicyRules) -> GateResult {
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

fn change_reference(input: &GateInput) -> GateResult {
    match &input.change_reference {
        Some(change) => GateResult::passed(GateName::CHANGE_REFERENCE, format!("change {change}")),
        None => GateResult::failed(
            GateName::CHANGE_REFERENCE,
            "the promotion names no change",
            "ask for the promotion again with `change_reference`",
        ),
    }
}
