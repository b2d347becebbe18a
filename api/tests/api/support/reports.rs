//! Reports as the tools write them.

use serde_json::{Value, json};

/// SonarQube's webhook: `OK` or `ERROR`.
pub fn quality_gate(commit: &str, status: &str) -> Value {
    json!({
        "serverUrl": "https://sonarqube.example", "taskId": "AYx", "status": "SUCCESS",
        "analysedAt": "2026-11-25T10:00:00+0000", "revision": commit,
        "project": {"key": "payments:checkout:api", "name": "api"},
        "qualityGate": {"name": "Sonar way", "status": status, "conditions": []},
    })
}

/// Trivy's report on an image, with these vulnerabilities and their severities.
pub fn image_scan(found: &[(&str, &str)]) -> Value {
    image_scan_of("harbor.example/payments_checkout/api", found)
}

/// The same, of an image that it names so.
pub fn image_scan_of(image: &str, found: &[(&str, &str)]) -> Value {
    let found: Vec<Value> = found
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
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.8"}, "RepoDigests": [image]},
        "Results": [{
            "Target": "api (debian 12.8)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found,
        }],
    })
}

/// ZAP's report of a baseline scan without a high alert.
pub fn baseline_scan() -> Value {
    json!({
        "@programName": "ZAP", "@version": "2.16.1", "@generated": "Wed, 25 Nov 2026 10:30:00",
        "site": [{
            "@name": "https://checkout.uat.example", "@host": "checkout.uat.example", "@port": "443",
            "@ssl": "true",
            "alerts": [{
                "pluginid": "10021", "alertRef": "10021", "alert": "X-Content-Type-Options Header Missing",
                "name": "X-Content-Type-Options Header Missing", "riskcode": "1", "confidence": "2",
                "riskdesc": "Low (Medium)", "count": "1",
                "instances": [{"uri": "https://checkout.uat.example", "method": "GET"}],
            }],
        }],
    })
}
