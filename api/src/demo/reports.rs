//! Reports as the tools write them, for the demo's releases.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

/// SonarQube's webhook on an analysis whose quality gate is passed.
pub fn quality_gate(component: &str, commit: &str) -> Value {
    json!({
        "serverUrl": "https://sonarqube.example", "taskId": "AYx", "status": "SUCCESS",
        "analysedAt": "2026-11-25T10:00:00+0000", "revision": commit,
        "project": {"key": format!("payments:checkout:{component}"), "name": component},
        "qualityGate": {"name": "Sonar way", "status": "OK", "conditions": []},
    })
}

/// Trivy's report on an image, with these vulnerabilities.
pub fn image_scan(image: &str, vulnerabilities: &[(&str, &str)]) -> Value {
    let found: Vec<Value> = vulnerabilities
        .iter()
        .map(|(id, severity)| {
            json!({
                "VulnerabilityID": id, "PkgName": "openssl", "InstalledVersion": "3.0.11-1",
                "FixedVersion": "3.0.15-1", "Severity": severity,
            })
        })
        .collect();
    json!({
        "SchemaVersion": 2, "CreatedAt": "2026-11-25T10:00:00Z", "ArtifactName": image,
        "ArtifactType": "container_image", "Metadata": {"OS": {"Family": "debian", "Name": "12.8"}},
        "Results": [{
            "Target": format!("{image} (debian 12.8)"), "Class": "os-pkgs", "Type": "debian",
            "Vulnerabilities": found,
        }],
    })
}

/// ZAP's report of a baseline scan without a high alert.
pub fn baseline_scan(url: &str) -> Value {
    json!({
        "@programName": "ZAP", "@version": "2.16.1", "@generated": "Wed, 25 Nov 2026 10:30:00",
        "site": [{
            "@name": url, "@host": "checkout.uat.example", "@port": "443", "@ssl": "true",
            "alerts": [{
                "pluginid": "10021", "alertRef": "10021", "alert": "X-Content-Type-Options Header Missing",
                "name": "X-Content-Type-Options Header Missing", "riskcode": "1", "confidence": "2",
                "riskdesc": "Low (Medium)", "count": "1",
                "instances": [{"uri": url, "method": "GET"}],
            }],
        }],
    })
}

/// Harbor's overview of a scan that found these vulnerabilities.
pub fn scan_overview(vulnerabilities: &[(&str, &str)]) -> Value {
    let mut summary: BTreeMap<String, usize> = BTreeMap::new();
    for (_, severity) in vulnerabilities {
        *summary.entry(titled(severity)).or_default() += 1;
    }
    let worst = vulnerabilities
        .first()
        .map_or("None".to_owned(), |(_, s)| titled(s));
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({"application/vnd.security.vulnerability.report; version=1.1": {
        "scan_status": "Success", "severity": worst, "duration": 3, "complete_percent": 100,
        "summary": {"total": vulnerabilities.len(), "fixable": vulnerabilities.len(), "summary": summary},
        "start_time": now, "end_time": now,
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.58.1"},
    }})
}

/// `CRITICAL` as Harbor writes it.
fn titled(severity: &str) -> String {
    let lower = severity.to_lowercase();
    let mut letters = lower.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
