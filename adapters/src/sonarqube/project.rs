//! The quality project of a component.

use opstella_domain::naming::QualityKey;
use opstella_domain::resource::{Provenance, StepOutcome};

use super::ownership::{Ownership, Project, adopted_by, made_by};
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
        let provenance = match self.project(key).await? {
            Some(there) => self.take_project(&there, key, context).await?,
            None => match self.create_project(key, context).await? {
                None => Provenance::Created,
                // Another run was faster, or the key is one that we may not see.
                Some(refusal) => match self.project(key).await? {
                    Some(there) => self.take_project(&there, key, context).await?,
                    None => return Err(refusal),
                },
            },
        };
        let page = format!("dashboard?id={}", segment(key.as_str()));
        Ok(self.outcome(KIND, key.as_str(), &page, provenance))
    }

    /// Creates it; the refusal where the key is taken.
    async fn create_project(
        &self,
        key: &QualityKey,
        context: &StepContext,
    ) -> Result<Option<StepError>, StepError> {
        let name = format!("{key} ({})", Mark::service(&context.owner).line());
        let pairs = [
            ("project", key.as_str()),
            ("name", &name),
            ("visibility", PRIVATE),
        ];
        if let Some(taken) = self.make_new("projects/create", &pairs).await? {
            return Ok(Some(taken));
        }
        let owner = &context.owner;
        self.tag(key, &made_by(owner.installation, owner.run)).await?;
        Ok(None)
    }

    async fn take_project(
        &self,
        there: &Project,
        key: &QualityKey,
        context: &StepContext,
    ) -> Result<Provenance, StepError> {
        let ownership = there.ownership(context);
        let owner = &context.owner;
        match ownership {
            Ownership::Ours { run, tagged } => {
                if !tagged {
                    let tags = made_by(owner.installation, run);
                    self.tag(key, &there.tags_with(Some(tags))).await?;
                }
                let visibility = there.visibility.as_deref();
                if visibility.is_some_and(|visibility| visibility != PRIVATE) {
                    let pairs = [("project", key.as_str()), ("visibility", PRIVATE)];
                    self.change("projects/update_visibility", &pairs).await?;
                }
            }
            Ownership::Adopted { .. } => {}
            Ownership::Foreign(_) if context.adopt => {
                let tags = adopted_by(owner.installation, owner.run);
                self.tag(key, &there.tags_with(Some(tags))).await?;
                return Ok(Provenance::Adopted);
            }
            Ownership::Foreign(another) => return Err(foreign(KIND, key.as_str(), another)),
        }
        Ok(ownership.provenance(context).unwrap_or(Provenance::Existing))
    }

    pub(super) async fn remove_project(
        &self,
        key: &QualityKey,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(there) = self.project(key).await? else {
            return Ok(Removed::Absent);
        };
        let ownership = there.ownership(context);
        if !ownership.allows(context) {
            if ownership.comes_off(context) {
                self.tag(key, &there.tags_with(None)).await?;
            }
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

    async fn tag(&self, key: &QualityKey, tags: &[String]) -> Result<(), StepError> {
        let tags = tags.join(",");
        self.change("project_tags/set", &[("project", key.as_str()), ("tags", &tags)])
            .await
    }
}
