//! The project that an application is in. The services of a project share it, and a run that unwinds deletes the one
//! that it made, also after another run has found it: so whoever needs it makes it again, and whoever unwinds deletes
//! it once nobody is in it.

use opstella_domain::ProjectSlug;
use opstella_domain::operation::Operation;
use opstella_domain::plan::project_of_application;

use super::client::Place;
use super::ensure::still_being_deleted;
use super::object::Ownership;
use super::{ArgoCd, not_ours, project};
use crate::mark::Mark;
use crate::{Removal, Removed, StepContext, StepError};

impl ArgoCd {
    /// Makes the project of an application's operation where it is missing. What is there stays as it is: its own step
    /// has looked at it.
    pub(super) async fn ensure_home(
        &self,
        application: &Operation,
        context: &StepContext,
    ) -> Result<(), StepError> {
        let operation = project_of_application(application).ok_or_else(|| not_ours(application))?;
        let wanted = project::wanted(&operation, context).ok_or_else(|| not_ours(application))?;
        match self.read(wanted.place).await? {
            Some(there) if there.is_being_deleted() => Err(still_being_deleted(wanted.place)),
            Some(_) => Ok(()),
            None => self.ensure_wanted(&wanted, context).await.map(|_| ()),
        }
    }

    /// Deletes the project, whichever run of ours made it, if a run that unwinds was the last one in it. A run that has
    /// found it and has no application yet makes it again.
    pub(super) async fn remove_unused_home(
        &self,
        project: &ProjectSlug,
        context: &StepContext,
    ) -> Result<(), StepError> {
        if context.removal != Removal::ThisRun {
            return Ok(());
        }
        let Some(there) = self.read(Place::Project(project.as_str())).await? else {
            return Ok(());
        };
        match there.ownership(&Mark::project(&context.owner)) {
            Ownership::Ours(_) => self.delete_unused_project(project).await.map(|_| ()),
            Ownership::Adopted(_) | Ownership::Foreign(_) => Ok(()),
        }
    }

    /// Deletes a project that no application is in.
    pub(super) async fn delete_unused_project(&self, project: &ProjectSlug) -> Result<Removed, StepError> {
        if self.has_applications(project.as_str()).await? {
            return Ok(Removed::Kept);
        }
        match self.delete(Place::Project(project.as_str())).await? {
            Ok(()) => Ok(Removed::Deleted),
            Err(answer) if answer.is(http::StatusCode::NOT_FOUND) => Ok(Removed::Absent),
            // By one that our account does not see, or that was made since we looked.
            Err(answer) if answer.error_text().contains("referenced by") => Ok(Removed::Kept),
            Err(answer) => Err(answer.refused()),
        }
    }
}
