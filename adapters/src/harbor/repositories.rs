//! What was pushed into a project.

use opstella_domain::naming::RegistryProject;
use serde::Deserialize;

use super::client::delete;
use super::{Harbor, project};
use crate::StepError;
use crate::http::segment;

#[derive(Deserialize)]
struct Repository {
    /// With the project's name in front.
    name: String,
}

impl Harbor {
    /// Harbor deletes no project that has repositories.
    pub(super) async fn delete_repositories(&self, project: &RegistryProject) -> Result<(), StepError> {
        let below = format!("{}/repositories", project::path(project));
        let all: Vec<Repository> = self.list(&below, &[]).await?;
        for repository in all {
            let name = repository
                .name
                .strip_prefix(&format!("{project}/"))
                .unwrap_or(&repository.name);
            // Twice, because proxies decode once: so Harbor wants it.
            let name = segment(&segment(name));
            delete(self.http.delete(format!("{below}/{name}"))).await?;
        }
        Ok(())
    }
}
