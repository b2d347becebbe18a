//! Gates on findings. A waiver may pass over one finding by its name.

use std::collections::BTreeSet;

use super::look::{Look, Said};
use crate::evidence::{Evidence, Finding, ReportKind, Severity};
use crate::policy::{GateInput, GateName, GateResult, ImageEvidence};
use crate::release::Waiver;
use crate::{ComponentName, Environment};

/// Most findings and waivers that a reason names; it tells how many there are.
const SHOWN: usize = 3;

/// An image scan is there, and each that is there has at most so many findings of a severity.
pub fn vulnerabilities(input: &GateInput, gate: &'static str, severity: Severity, most: u32) -> GateResult {
    let mut found = Look::default();
    for (name, image) in &input.images {
        let scans: Vec<&Evidence> = image_scans(image).collect();
        if scans.is_empty() {
            found.lacks(name);
        }
        for scan in &scans {
            let what = match scans.len() {
                1 => name.to_string(),
                _ => format!("{name}, {}", scan.kind),
            };
            found.add(scan, weigh(input, gate, scan, severity, most), &what);
        }
    }
    found.result(
        gate,
        "image scan",
        format!("at most {most} {severity} vulnerabilities"),
        "build the images anew with mended packages and register a new release, or have security waive the findings",
    )
}

/// No report of any kind has a critical finding.
pub fn open_critical(input: &GateInput) -> GateResult {
    let gate = GateName::OPEN_CRITICAL;
    let mut found = Look::default();
    for (name, image) in &input.images {
        for evidence in image.evidence.iter().filter(|e| !superseded(image, e)) {
            let said = weigh(input, gate, evidence, Severity::Critical, 0);
            let what = match &evidence.series {
                None => format!("{name}, {}", evidence.kind),
                Some(series) => format!("{name}, {} of {series}", evidence.kind),
            };
            found.add(evidence, said, &what);
        }
    }
    let passed = "no report has an open critical finding".to_owned();
    let remedy = "mend the findings and register a new release, or have security waive them";
    found.result(gate, "report", passed, remedy)
}

/// Whether a later dynamic scan of the same environment takes the place of this one. Those of other images are kept, for
/// when they run there again.
fn superseded(image: &ImageEvidence, evidence: &Evidence) -> bool {
    let scans = image
        .evidence
        .iter()
        .filter(|e| e.kind == ReportKind::DynamicScan && e.environment == evidence.environment);
    evidence.kind == ReportKind::DynamicScan && newest(scans) != Some(evidence)
}

/// A dynamic scan of an environment is there, without a high alert. Into that environment, or an earlier one, nothing can
/// have been scanned in it: a scan of the one before counts. Where the service has no such environment, a scan of one that
/// is further on counts.
pub fn dynamic_scan(input: &GateInput, environment: Environment) -> GateResult {
    let gate = GateName::DYNAMIC_SCAN;
    let Some(before) = &input.predecessor else {
        return GateResult::passed(gate, "there is no environment before that could be scanned");
    };
    let first = environment.min(before.environment);
    let last = match input.environments.contains(&first) {
        true => first,
        false => before.environment,
    };
    let scanned = Environment::all().filter(|e| *e >= first && *e <= last);
    let Some((environment, evidence)) = scanned
        .filter_map(|environment| newest_scan(input, environment).map(|scan| (environment, scan)))
        .next()
    else {
        let first = *input.environments.range(first..).next().unwrap_or(&first);
        let others = match newest(scans(input, first)) {
            None => String::new(),
            Some(scan) => format!("; the newest is of other images of {}", others(input, scan)),
        };
        let reason = format!("there is no dynamic scan of {first} with these images{others}");
        let remedy =
            format!("run ZAP's baseline scan on {first} while it runs this release, and add its report");
        return GateResult::failed(gate, reason, remedy);
    };
    // A high alert is a ceiling for what is worse.
    let mut found = Look::default();
    for severity in [Severity::Critical, Severity::High] {
        let said = weigh(input, gate, evidence, severity, 0);
        if !matches!(said, Said::Fine) || severity == Severity::High {
            found.add(evidence, said, &format!("the scan of {environment}"));
        }
    }
    let passed = format!("the scan of {environment} has no high alert");
    found.result(
        gate,
        "dynamic scan",
        passed,
        "mend what ZAP names, or have security waive the alerts",
    )
}

/// A scan of an environment looks at the service as a whole: one image bears it for all, where the environment ran all
/// of them when it was made.
fn newest_scan(input: &GateInput, environment: Environment) -> Option<&Evidence> {
    newest(scans(input, environment).filter(|scan| differing(input, scan).next().is_none()))
}

fn scans(input: &GateInput, environment: Environment) -> impl Iterator<Item = &Evidence> {
    let scan = move |e: &&Evidence| e.kind == ReportKind::DynamicScan && e.environment == Some(environment);
    let all = input.images.values().flat_map(|image| &image.evidence);
    all.filter(scan)
}

/// The components that ran with other images when a scan was made.
fn differing<'a>(input: &'a GateInput, scan: &'a Evidence) -> impl Iterator<Item = &'a ComponentName> {
    let differs =
        move |(name, image): &(&ComponentName, &ImageEvidence)| scan.ran.get(*name) != Some(&image.digest);
    input.images.iter().filter(differs).map(|(name, _)| name)
}

fn others(input: &GateInput, scan: &Evidence) -> String {
    let names: Vec<&str> = differing(input, scan).map(ComponentName::as_str).collect();
    names.join(", ")
}

/// Trivy's own report, and Harbor's, the newest of each. One is enough; where there are both, neither hides what the other
/// found: the one is sent by whoever wants the release to pass.
fn image_scans(image: &ImageEvidence) -> impl Iterator<Item = &Evidence> {
    let kinds = [ReportKind::ImageScan, ReportKind::RegistryScan];
    let of = |kind| newest(image.evidence.iter().filter(move |e| e.kind == kind));
    kinds.into_iter().filter_map(of)
}

/// The one that was made last; of several made at once, the one recorded last.
fn newest<'a>(scans: impl Iterator<Item = &'a Evidence>) -> Option<&'a Evidence> {
    scans.max_by_key(|e| e.made_at())
}

/// The findings that a report names, with how often it counts each. Harbor's overview only counts: what Trivy's newest
/// report names of the same image is taken for the names of those that it counts, so that a waiver of one of them holds
/// for both. Not where Harbor scanned after Trivy: it may have newer data by then, and as many findings may be others.
/// Harbor counts a vulnerability once for each version of a package, wherever that lies in the image; were Trivy's number
/// taken, a waiver could hide what only Harbor found.
fn named<'a>(input: &'a GateInput, evidence: &'a Evidence) -> Vec<(&'a Finding, u32)> {
    if evidence.kind != ReportKind::RegistryScan || !evidence.findings.is_empty() {
        return evidence.findings.iter().map(|f| (f, f.times)).collect();
    }
    let image = input
        .images
        .values()
        .find(|image| image.evidence.contains(evidence));
    let scans = image.into_iter().flat_map(|image| &image.evidence);
    newest(scans.filter(|e| e.kind == ReportKind::ImageScan))
        .filter(|names| evidence.made_at() <= names.made_at())
        .map(|e| e.findings.iter().map(|f| (f, 1)).collect())
        .unwrap_or_default()
}

/// Whether there are too many findings of a severity, once those are left out that a waiver names. Evidence names some
/// of its findings and counts all: what it does not name, nobody can waive by name.
fn weigh(input: &GateInput, gate: &'static str, evidence: &Evidence, severity: Severity, most: u32) -> Said {
    let all = evidence.counts.of(severity);
    if all <= most {
        return Said::Fine;
    }
    let waiver = |id: &str| {
        input.waivers.iter().find(|waiver| {
            waiver.gate.as_str() == gate && waiver.finding.as_deref() == Some(id) && waiver.counts(input.at)
        })
    };
    let mut passed_over = 0_u32;
    let mut waivers: Vec<&Waiver> = Vec::new();
    let mut open = BTreeSet::new();
    let named = named(input, evidence).into_iter();
    for (finding, times) in named.filter(|(f, _)| f.severity == severity) {
        match waiver(&finding.id) {
            None => _ = open.insert(finding.id.as_str()),
            Some(waiver) => {
                passed_over = passed_over.saturating_add(times);
                if !waivers.iter().any(|w| w.id == waiver.id) {
                    waivers.push(waiver);
                }
            }
        }
    }
    let left = all.saturating_sub(passed_over);
    if left <= most {
        return Said::Waived(list(waivers.len(), waivers.into_iter().map(Waiver::text), "; "));
    }
    let names = match open.len() {
        0 => String::new(),
        many => format!(" ({})", list(many, open.into_iter().map(str::to_owned), ", ")),
    };
    Said::Wrong(format!(
        "{left} {severity} findings{names}, at most {most} may be there"
    ))
}

/// The first few of many.
fn list(many: usize, all: impl Iterator<Item = String>, between: &str) -> String {
    let shown = all.take(SHOWN).collect::<Vec<_>>().join(between);
    if many > SHOWN {
        format!("{shown}{between}…")
    } else {
        shown
    }
}
