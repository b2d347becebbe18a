//! The configurations of an image: what a scanner of an image file calls the image's ID. Harbor's own API does not tell
//! them; the registry's does (OCI distribution specification 1.1, "Pulling manifests"), with the same credential.

use opstella_domain::release::Digest;
use serde::Deserialize;

use super::Harbor;
use super::artifact::Repository;
use crate::StepError;
use crate::http::segment;

/// Manifests and indexes, of OCI and of Docker.
const TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// Most platforms of an index that are asked for.
const PLATFORMS: usize = 16;

#[derive(Deserialize)]
struct Manifest {
    /// Of a manifest.
    config: Option<Descriptor>,
    /// Of an index.
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Manifest {
    fn config(&self) -> Option<Digest> {
        self.config.as_ref()?.digest.parse().ok()
    }
}

impl Harbor {
    /// The digests of an image's configurations, one a platform; none where the image is not there, or has more platforms
    /// than are asked for.
    pub(super) async fn configs_of(
        &self,
        repository: Repository<'_>,
        digest: &Digest,
    ) -> Result<Vec<Digest>, StepError> {
        let Some(image) = self.manifest(repository, digest.as_str()).await? else {
            return Ok(vec![]);
        };
        if image.manifests.len() > PLATFORMS {
            return Ok(vec![]);
        }
        let mut configs = Vec::from_iter(image.config());
        for platform in &image.manifests {
            let manifest = self.manifest(repository, &platform.digest).await?;
            configs.extend(manifest.and_then(|manifest| manifest.config()));
        }
        Ok(configs)
    }

    async fn manifest(
        &self,
        repository: Repository<'_>,
        reference: &str,
    ) -> Result<Option<Manifest>, StepError> {
        let (project, name) = (
            segment(repository.project.as_str()),
            segment(repository.name.as_str()),
        );
        let path = format!("/v2/{project}/{name}/manifests/{}", segment(reference));
        let answer = self.http.get(path).header("Accept", TYPES).send().await?;
        answer.found()?.map(|answer| answer.json()).transpose()
    }
}
