//! Releases of the demo's service: what CI does.

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ground::Ground;
use super::people::People;
use super::{DemoError, PROJECT, SERVICE, reports};

const COMPONENTS: [&str; 2] = ["api", "worker"];

/// A release as CI builds it.
pub struct Built {
    /// Its version.
    pub version: &'static str,
}

impl Built {
    /// Path of the release in the API.
    pub fn path(&self) -> String {
        format!(
            "/api/v1/projects/{PROJECT}/services/{SERVICE}/releases/{}",
            self.version
        )
    }

    fn commit(&self, component: &str) -> String {
        hex::encode(Sha256::digest(format!("{component} {}", self.version)))
    }

    /// The digest of a component's image.
    pub fn digest(&self, component: &str) -> String {
        format!(
            "sha256:{}",
            hex::encode(Sha256::digest(format!("image {component} {}", self.version)))
        )
    }

    /// Pushes the images, as CI's pipeline does with Docker's protocol; `found` is what Harbor's scan of `api` finds.
    pub async fn push(&self, ground: &Ground, found: &[(&str, &str)]) -> Result<(), DemoError> {
        for component in COMPONENTS {
            let found = if component == "api" { found } else { &[] };
            let body = json!({
                "project": format!("{PROJECT}_{SERVICE}"), "repository": component,
                "digest": self.digest(component), "tags": [self.version],
                "scan_overview": reports::scan_overview(found),
            });
            ground.operate("harbor/artifacts", &body).await?;
        }
        Ok(())
    }

    /// Registers the release, and adds what quality gate and image scan say; `found` is what the scan found.
    pub async fn register(&self, people: &People, found: &[(&str, &str)]) -> Result<(), DemoError> {
        let components: Vec<Value> = COMPONENTS
            .iter()
            .map(|name| json!({"name": name, "digest": self.digest(name), "commit": self.commit(name)}))
            .collect();
        let release = json!({"version": self.version, "author": "grace", "components": components});
        let releases = format!("/api/v1/projects/{PROJECT}/services/{SERVICE}/releases");
        people.ci.post(&releases, &release).await?;
        for name in COMPONENTS {
            let gate = reports::quality_gate(name, &self.commit(name));
            self.add(people, "quality-gate", name, "", &gate).await?;
            let found = if name == "api" { found } else { &[] };
            let scan = reports::image_scan(&format!("harbor.example/payments_checkout/{name}"), found);
            self.add(people, "image-scan", name, "", &scan).await?;
        }
        Ok(())
    }

    /// Adds what the baseline scan of UAT found, which runs the release by now.
    pub async fn scan_uat(&self, people: &People) -> Result<(), DemoError> {
        let began = Utc::now().to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let scan = reports::baseline_scan("https://checkout.uat.example");
        let of = format!("&environment=UAT&scanned_at={began}");
        self.add(people, "dynamic-scan", "api", &of, &scan).await
    }

    async fn add(
        &self,
        people: &People,
        kind: &str,
        component: &str,
        more: &str,
        report: &Value,
    ) -> Result<(), DemoError> {
        let path = format!("{}/evidence?kind={kind}&component={component}{more}", self.path());
        people.ci.post(&path, report).await?;
        Ok(())
    }
}
