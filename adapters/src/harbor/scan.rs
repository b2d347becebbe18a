//! What the scanner says of an image.

use std::collections::BTreeMap;

use opstella_domain::release::Digest;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Harbor;
use super::artifact::Repository;
use crate::StepError;
use crate::reports::FetchedReport;

/// The reports that say which vulnerabilities were found: the scanner's present format, and Harbor's first one.
/// <https://goharbor.io/docs/latest/administration/vulnerability-scanning/pluggable-scanners/>
const REPORTS: &str = "application/vnd.security.vulnerability.report; version=1.1, \
                       application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0";

#[derive(Deserialize)]
struct Scanned {
    digest: String,
    /// By media type. As Harbor wrote it: the artifact around it changes with every pull.
    scan_overview: Option<Box<RawValue>>,
}

/// How far a scan is, as the overview says.
#[derive(Deserialize)]
struct Scan {
    #[serde(default)]
    scan_status: String,
    /// Of the images of an index.
    complete_percent: Option<u64>,
}

impl Scan {
    fn is_over(&self) -> bool {
        self.scan_status == "Success" && self.complete_percent.is_none_or(|percent| percent >= 100)
    }
}

fn are_over(overview: &RawValue) -> bool {
    let scans = serde_json::from_str::<BTreeMap<String, Scan>>(overview.get());
    scans.is_ok_and(|scans| scans.values().all(Scan::is_over))
}

impl Harbor {
    /// What the scans of an image found, by name; or only their overview, where they are not over or there is no more than
    /// that; none where it was never scanned.
    pub(super) async fn scan_of(
        &self,
        repository: Repository<'_>,
        digest: &Digest,
    ) -> Result<Option<FetchedReport>, StepError> {
        let call = self.http.get(repository.artifact(digest.as_str()));
        let answer = call.query(&[("with_scan_overview", "true")]).send().await?;
        let found: Option<Scanned> = answer.found()?.map(|answer| answer.json()).transpose()?;
        let Some(found) = found else { return Ok(None) };
        if found.digest != digest.as_str() {
            return Err(StepError::Permanent {
                message: format!(
                    "Harbor: it was asked for the image {digest} and answered with {}: look what is between us and it",
                    found.digest
                ),
            });
        }
        let Some(overview) = found.scan_overview.filter(|overview| overview.get() != "{}") else {
            return Ok(None);
        };
        let named = match are_over(&overview) {
            true => self.findings_of(repository, digest).await?,
            false => None,
        };
        Ok(Some(FetchedReport {
            content: named.unwrap_or(overview).get().as_bytes().to_vec(),
            made_at: None,
        }))
    }

    /// The reports behind the overview, by media type.
    async fn findings_of(
        &self,
        repository: Repository<'_>,
        digest: &Digest,
    ) -> Result<Option<Box<RawValue>>, StepError> {
        let path = format!(
            "{}/additions/vulnerabilities",
            repository.artifact(digest.as_str())
        );
        let call = self.http.get(path).header("x-accept-vulnerabilities", REPORTS);
        let found: Option<Box<RawValue>> = call
            .send()
            .await?
            .found()?
            .map(|answer| answer.json())
            .transpose()?;
        Ok(found.filter(|reports| reports.get() != "{}"))
    }
}
