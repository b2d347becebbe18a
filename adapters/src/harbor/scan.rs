//! What the scanner says of an image.

use opstella_domain::release::Digest;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Harbor;
use super::artifact::Repository;
use crate::StepError;
use crate::reports::FetchedReport;

#[derive(Deserialize)]
struct Scanned {
    digest: String,
    /// By media type. As Harbor wrote it: the artifact around it changes with every pull.
    scan_overview: Option<Box<RawValue>>,
}

impl Harbor {
    /// The overview of the scans of an image; none where it was never scanned.
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
        let overview = found.scan_overview.filter(|overview| overview.get() != "{}");
        Ok(overview.map(|overview| FetchedReport {
            content: overview.get().as_bytes().to_vec(),
            made_at: None,
        }))
    }
}
