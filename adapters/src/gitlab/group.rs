//! The group of a project. Its services share it.
//!
//! Two runs may meet in it: one unwinds and deletes the group that nobody is in any more, another one has found the
//! group and makes its repository. The first says in the group that it goes, and only then looks whether it is empty;
//! the second makes its repository, and only then looks whether the group goes. So one of them sees the other. Two that
//! unwind say so in a line each, and the last one to leave deletes the group.

use opstella_domain::operation::Owner;
use opstella_domain::resource::{Provenance, StepOutcome};
use opstella_domain::{ProjectSlug, RunId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Creation;
use super::{GitLab, adopted, foreign};
use crate::http::segment;
use crate::mark::Mark;
use crate::{Removal, Removed, StepContext, StepError};

const KIND: &str = "group";
/// How the line begins that the description of a group has while a run is about to delete it.
const GOING: &str = "Opstella deletes: ";
/// Most characters of a description that GitLab takes: the mark, and the lines of two runs.
const LONGEST: usize = 255;

/// Of what is in a group, how much is looked at: as much as GitLab lists at once.
const MOST: usize = 100;

/// The line of one run.
fn going_line(run: RunId) -> String {
    format!("{GOING}{run}")
}

/// A group as GitLab tells of it.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    pub id: u64,
    description: Option<String>,
    marked_for_deletion_on: Option<String>,
}

impl Group {
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.description.as_deref().unwrap_or_default().lines()
    }

    fn is_going(&self) -> bool {
        self.lines().any(|line| line.starts_with(GOING))
    }

    /// Whether this run is about to delete it.
    fn is_going_by(&self, run: RunId) -> bool {
        let mine = going_line(run);
        self.lines().any(|line| line == mine)
    }

    /// The description with this run's line that it goes, or without.
    fn described(&self, run: RunId, going: bool) -> String {
        let mine = going_line(run);
        let lines = self.lines().filter(|line| *line != mine);
        lines
            .chain(going.then_some(mine.as_str()))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn mark(&self) -> Option<Mark> {
        Mark::find(self.description.as_deref()?)
    }
}

/// Something in a group.
#[derive(Deserialize)]
struct Inside {
    description: Option<String>,
    marked_for_deletion_on: Option<String>,
}

impl Inside {
    /// Whether a run of ours made it and it was deleted: GitLab keeps it for some days.
    fn is_going(&self, owner: &Owner) -> bool {
        let mark = self.description.as_deref().and_then(Mark::find);
        let ours = mark.is_some_and(|mark| mark.run.is_some() && mark.of_another(owner).is_none());
        self.marked_for_deletion_on.is_some() && ours
    }
}

/// A group that another run is about to delete: looked at again until that is decided.
fn going(group: &str) -> StepError {
    StepError::Transient {
        message: format!(
            "GitLab: the group `{group}` is being deleted by a run that unwinds; if none does, remove the line \
             `{GOING}…` from its description"
        ),
        retry_after: None,
    }
}

impl GitLab {
    /// The group that a repository is to be made in; made again if a run that unwound deleted it meanwhile.
    pub(super) async fn home(&self, path: &str, context: &StepContext) -> Result<Group, StepError> {
        if let Some(there) = self.group(path).await? {
            return if there.is_going() {
                Err(going(path))
            } else {
                Ok(there)
            };
        }
        let slug: ProjectSlug = path.parse().map_err(|error| StepError::Permanent {
            message: format!("GitLab: `{path}` cannot be a project's group: {error}"),
        })?;
        self.ensure_group(&slug, context).await?;
        self.group(path).await?.ok_or_else(|| going(path))
    }

    /// Refuses, for now, what was made in a group that goes, or has gone.
    pub(super) async fn home_stays(&self, path: &str) -> Result<(), StepError> {
        match self.group(path).await? {
            Some(there) if !there.is_going() => Ok(()),
            _ => Err(going(path)),
        }
    }

    /// The group at a path.
    pub(super) async fn group(&self, path: &str) -> Result<Option<Group>, StepError> {
        self.find(&format!("groups/{}?with_projects=false", segment(path)))
            .await
    }

    pub(super) async fn ensure_group(
        &self,
        group: &ProjectSlug,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let name = group.as_str();
        let provenance = match self.group(name).await? {
            Some(there) => self.take_group(&there, group, context).await?,
            None => {
                let mark = Mark::project(&context.owner).line();
                let body = json!({"name": name, "path": name, "description": mark, "visibility": "private"});
                match self.create::<Value>("groups", &body).await? {
                    Creation::Made(_) => Provenance::Created,
                    // Another service's run was faster, or a user has the name.
                    Creation::Taken(refusal) => match self.group(name).await? {
                        Some(there) => self.take_group(&there, group, context).await?,
                        None => return Err(refusal),
                    },
                }
            }
        };
        Ok(self.outcome(KIND, name, &format!("groups/{name}"), provenance))
    }

    async fn take_group(
        &self,
        there: &Group,
        group: &ProjectSlug,
        context: &StepContext,
    ) -> Result<Provenance, StepError> {
        if there.marked_for_deletion_on.is_some() {
            let message = format!(
                "GitLab: the group `{group}` is scheduled for deletion; restore it, or delete it at once"
            );
            return Err(StepError::Permanent { message });
        }
        if there.is_going() {
            return Err(going(group.as_str()));
        }
        match there.mark().filter(|mark| mark.is_of_project(&context.owner)) {
            Some(mark) => Ok(mark.provenance(context)),
            None if context.adopt => {
                let description = adopted(there.description.as_deref(), Mark::project(&context.owner));
                let call = self.http.put(Self::path(&format!("groups/{}", there.id)));
                self.change(call.json(&json!({"description": description})))
                    .await?;
                Ok(Provenance::Adopted)
            }
            None => Err(foreign(
                KIND,
                group.as_str(),
                there.description.as_deref(),
                context,
            )),
        }
    }

    /// Unwinding deletes a group that its run made, if nobody has put anything into it; decommissioning a service
    /// leaves it.
    pub(super) async fn remove_group(
        &self,
        group: &ProjectSlug,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(there) = self.group(group.as_str()).await? else {
            return Ok(Removed::Absent);
        };
        let mark = there.mark().filter(|mark| mark.is_of_project(&context.owner));
        if context.removal != Removal::ThisRun || !mark.as_ref().is_some_and(|mark| mark.is_of_run(context)) {
            if mark.is_some_and(|mark| mark.comes_off(context)) {
                let description = Mark::without(there.description.as_deref().unwrap_or_default());
                let call = self.http.put(Self::path(&format!("groups/{}", there.id)));
                self.change(call.json(&json!({"description": description})))
                    .await?;
            }
            return Ok(Removed::Kept);
        }
        self.delete_unused_group(group.as_str(), &there, context).await
    }

    /// Deletes the group of a repository, whichever run of ours made it, if a run that unwinds was the last one in it.
    /// A run that has found it and has no repository yet makes it again.
    pub(super) async fn remove_unused_home(
        &self,
        path: &str,
        context: &StepContext,
    ) -> Result<(), StepError> {
        if context.removal != Removal::ThisRun {
            return Ok(());
        }
        let Some(there) = self.group(path).await? else {
            return Ok(());
        };
        let is_ours = |mark: Mark| mark.is_of_project(&context.owner) && mark.run.is_some();
        if there.marked_for_deletion_on.is_none() && there.mark().is_some_and(is_ours) {
            self.delete_unused_group(path, &there, context).await?;
        }
        Ok(())
    }

    async fn delete_unused_group(
        &self,
        name: &str,
        there: &Group,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let path = format!("groups/{}", there.id);
        let run = context.owner.run;
        if there.marked_for_deletion_on.is_none() {
            let mut empty = self.is_empty(&path, &context.owner).await?;
            if empty {
                self.say_going(name, &path, run, true).await?;
                empty = self.is_empty(&path, &context.owner).await?;
            }
            if !empty {
                // Said by this try, or by one that was interrupted.
                self.say_going(name, &path, run, false).await?;
                return Ok(Removed::Kept);
            }
            match self.find::<Group>(&path).await? {
                None => return Ok(Removed::Absent),
                Some(now) if !now.is_going_by(run) && now.marked_for_deletion_on.is_none() => {
                    return Err(going(name)); // somebody wrote over our line: nobody is warned
                }
                Some(_) => {}
            }
            self.delete(&path, &[]).await?;
        }
        // GitLab may keep a deleted group for some days, out of the way and marked: a top-level group cannot be
        // deleted at once (https://docs.gitlab.com/api/groups/#delete-a-group).
        let gone = |group: &Group| group.marked_for_deletion_on.is_some();
        self.until_gone(&format!("the group `{name}`"), &path, gone)
            .await?;
        Ok(Removed::Deleted)
    }

    /// Says in the group that this run is about to delete it, or takes that back. One that is gone needs neither.
    async fn say_going(&self, name: &str, path: &str, run: RunId, goes: bool) -> Result<(), StepError> {
        let Some(there) = self.find::<Group>(path).await? else {
            return Ok(());
        };
        if there.is_going_by(run) == goes {
            return Ok(());
        }
        let described = there.described(run, goes);
        // Others are at it: whoever comes after them has the room.
        if goes && described.chars().count() > LONGEST {
            return Err(going(name));
        }
        let body = json!({"description": described});
        let answer = self.http.put(Self::path(path)).json(&body).send().await?;
        // A page of something in between is no confirmation.
        if let Some(answer) = answer.found()? {
            answer.json::<Value>()?;
        }
        Ok(())
    }

    async fn is_empty(&self, path: &str, owner: &Owner) -> Result<bool, StepError> {
        for kind in ["projects", "subgroups"] {
            let inside: Option<Vec<Inside>> = self.find(&format!("{path}/{kind}?per_page={MOST}")).await?;
            let inside = inside.unwrap_or_default();
            if inside.len() >= MOST || !inside.iter().all(|inside| inside.is_going(owner)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use opstella_domain::InstallationId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn two_runs_that_unwind_fit_into_the_longest_description() {
        let owner = Owner {
            installation: InstallationId(Uuid::from_u128(1)),
            service: format!("{}/checkout", "a".repeat(40)).parse().unwrap(),
            run: RunId(Uuid::from_u128(1)),
        };
        let mut group = Group {
            id: 1,
            description: Some(Mark::project(&owner).line()),
            marked_for_deletion_on: None,
        };
        for run in [1, 2] {
            group.description = Some(group.described(RunId(Uuid::from_u128(run)), true));
        }
        let described = group.description.unwrap_or_default();
        assert!(described.len() <= LONGEST, "{described}");
        assert_eq!(Mark::find(&described), Some(Mark::project(&owner)));
    }
}
