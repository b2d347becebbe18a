//! The quality project of a component.

use opstella_domain::naming::QualityKey;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde_json::Value;

use super::ownership::{ADOPTED_TAG, Ownership, RUN_TAG, TAG};
use super::{SonarQube, foreign};
use crate::http::segment;
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

const KIND: &str = "project";
const PRIVATE: &str = "private";

impl SonarQube {
    pub(super) async fn ensure_project(
        &self,
        key: &QualityKey,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let run_tag = format!("{RUN_TAG}{}", context.owner.run);
        let provenance = match self.project(key).await? {
            None => {
                let name = format!("{key} ({})", Mark::service(&context.owner).line());
                let pairs = [
                    ("project", key.as_str()),
                    ("name", &name),
                    ("visibility", PRIVATE),
                ];
                self.make::<Value>("projects/create", &pairs).await?;
                self.tag(key, &[TAG, &run_tag]).await?;
                Provenance::Created
            }
            Some(there) => match there.ownership(context) {
                ownership @ Ownership::Ours { run, tagged } => {
                    if !tagged {
                        let made_by = run.map(|run| format!("{RUN_TAG}{run}"));
                        let tags: Vec<&str> = [Some(TAG), made_by.as_deref()].into_iter().flatten().collect();
                        self.tag(key, &tags).await?;
                    }
                    if there
                        .visibility
                        .as_deref()
                        .is_some_and(|visibility| visibility != PRIVATE)
                    {
                        let pairs = [("project", key.as_str()), ("visibility", PRIVATE)];
                        self.change("projects/update_visibility", &pairs).await?;
                    }
                    ownership.provenance(context).unwrap_or(Provenance::Existing)
                }
                ownership @ Ownership::Adopted => {
                    ownership.provenance(context).unwrap_or(Provenance::Existing)
                }
                Ownership::Foreign if context.adopt => {
                    let theirs = there.tags.iter().map(String::as_str);
                    let tags: Vec<&str> = theirs.chain([TAG, ADOPTED_TAG]).collect();
                    self.tag(key, &tags).await?;
                    Provenance::Adopted
                }
                Ownership::Foreign => return Err(foreign(KIND, key.as_str())),
            },
        };
        let page = format!("dashboard?id={}", segment(key.as_str()));
        Ok(self.outcome(KIND, key.as_str(), &page, provenance))
    }

    pub(super) async fn remove_project(
        &self,
        key: &QualityKey,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(there) = self.project(key).await? else {
            return Ok(Removed::Absent);
        };
        if !there.ownership(context).allows(context) {
            return Ok(Removed::Kept);
        }
        match self
            .change_if_there("projects/delete", &[("project", key.as_str())])
            .await?
        {
            Ok(()) => Ok(Removed::Deleted),
            Err(_) => Ok(Removed::Absent),
        }
    }

    async fn tag(&self, key: &QualityKey, tags: &[&str]) -> Result<(), StepError> {
        let tags = tags.join(",");
        self.change("project_tags/set", &[("project", key.as_str()), ("tags", &tags)])
            .await
    }
}
