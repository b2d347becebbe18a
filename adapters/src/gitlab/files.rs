//! A template's files in a component's repository: all of them, or those of one environment.
//!
//! Files that are there stay as they are, whoever wrote them: after the first commit they are the team's.

use opstella_domain::Environment;
use opstella_domain::naming::RepositoryPath;
use opstella_domain::operation::ComponentValues;
use opstella_domain::resource::{Provenance, StepOutcome};
use opstella_domain::template::{TemplateFiles, TemplateRef};

use super::GitLab;
use super::commits::Action;
use crate::{Removal, Removed, StepContext, StepError, render};

const KIND: &str = "files";

/// The files as they are to be in the repository.
pub(super) async fn rendered(
    template: &TemplateRef,
    values: &ComponentValues,
    only: Option<Environment>,
    context: &StepContext,
) -> Result<TemplateFiles, StepError> {
    let files = context.templates.files(template).await?;
    render::files(&files, values, only).map_err(|error| StepError::Permanent {
        message: format!("template {template} does not render: {error}; register a version that does"),
    })
}

impl GitLab {
    pub(super) async fn ensure_files(
        &self,
        path: &RepositoryPath,
        files: &TemplateFiles,
        template: &TemplateRef,
        only: Option<Environment>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let repository = self.container(path, context).await?;
        let there = self.tree(&repository).await?;
        let missing: Vec<Action<'_>> = files
            .iter()
            .filter(|(path, _)| !there.contains(*path))
            .map(|(file_path, content)| Action::Create { file_path, content })
            .collect();
        let provenance = if missing.is_empty() {
            // All of them are looked at: the run may have added only what an earlier one's commit lacked.
            let paths: Vec<&str> = files.iter().map(|(path, _)| path).collect();
            match self
                .changed_last_by(&repository, &paths, context.owner.run)
                .await?
                .is_empty()
            {
                false => Provenance::Created,
                true => Provenance::Existing,
            }
        } else {
            let subject = match only {
                None => format!("Start from {template}"),
                // There is nothing new to build and to release.
                Some(environment) => format!("Add the overlay of {} [skip ci]", environment.as_str()),
            };
            self.commit(&repository, &subject, &context.owner, &missing)
                .await?;
            Provenance::Created
        };
        let (name, page) = match only {
            None => (
                format!("{path}: {template}"),
                format!("{path}/-/tree/{}", repository.branch()),
            ),
            Some(environment) => {
                let folder = format!("deploy/{}", environment.slug());
                (
                    format!("{path}: {folder}"),
                    format!("{path}/-/tree/{}/{folder}", repository.branch()),
                )
            }
        };
        Ok(self.outcome(KIND, &name, &page, provenance))
    }

    /// Removes what this run committed and nobody has changed since. Files go with their repository where that goes;
    /// decommissioning leaves them in one that stays, since teams work on in it.
    pub(super) async fn remove_files(
        &self,
        path: &RepositoryPath,
        template: &TemplateRef,
        values: &ComponentValues,
        only: Option<Environment>,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(repository) = self.repository_to_undo(path, context).await? else {
            return Ok(Removed::Absent);
        };
        let there = self.tree(&repository).await?;
        if there.is_empty() {
            return Ok(Removed::Absent);
        }
        if repository.goes(context) {
            return Ok(Removed::Deleted);
        }
        if context.removal == Removal::Service {
            return Ok(Removed::Kept);
        }
        let files = rendered(template, values, only, context).await?;
        let paths: Vec<&str> = files
            .iter()
            .map(|(path, _)| path)
            .filter(|path| there.contains(*path))
            .collect();
        if paths.is_empty() {
            return Ok(Removed::Absent);
        }
        let ours = self
            .changed_last_by(&repository, &paths, context.owner.run)
            .await?;
        if ours.is_empty() {
            return Ok(Removed::Kept);
        }
        let actions: Vec<Action<'_>> = ours
            .into_iter()
            .map(|(file_path, last_commit_id)| Action::Delete {
                file_path,
                last_commit_id,
            })
            .collect();
        self.commit(
            &repository,
            "Undo what a failed run added [skip ci]",
            &context.owner,
            &actions,
        )
        .await?;
        Ok(Removed::Deleted)
    }
}
