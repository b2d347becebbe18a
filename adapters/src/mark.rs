//! Ownership marks: how a resource in a tool says that it is ours, whose, and which run made it.

use opstella_domain::operation::Owner;
use opstella_domain::resource::Provenance;
use opstella_domain::{ProjectSlug, RunId, ServiceKey};

use crate::{Removal, StepContext};

const PREFIX: &str = "Managed by Opstella: ";

/// A mark as found in a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Whose project.
    pub project: String,
    /// Whose service; none for what a project's services share.
    pub service: Option<String>,
    /// Which run made it; none if it was adopted.
    pub run: Option<RunId>,
    /// Which run adopted it, if one did and says so.
    pub adopted_by: Option<RunId>,
}

impl Mark {
    /// The mark of a service's resource.
    pub fn service(owner: &Owner) -> Self {
        let ServiceKey { project, service } = &owner.service;
        Self {
            project: project.to_string(),
            service: Some(service.to_string()),
            run: Some(owner.run),
            adopted_by: None,
        }
    }

    /// The mark of what the run adopts instead of making it: it names no run that made it, so that none deletes it, and
    /// the one that adopts, so that this one can take the mark off again.
    #[must_use]
    pub fn adopted(self) -> Self {
        Self {
            adopted_by: self.run,
            run: None,
            ..self
        }
    }

    /// The mark of a resource that the services of a project share.
    pub fn project(owner: &Owner) -> Self {
        Self {
            service: None,
            ..Self::service(owner)
        }
    }

    /// One line for a description: `Managed by Opstella: payments/checkout (run 0190…)`.
    pub fn line(&self) -> String {
        let whose = match &self.service {
            Some(service) => format!("{}/{service}", self.project),
            None => self.project.clone(),
        };
        match (self.run, self.adopted_by) {
            (Some(run), _) => format!("{PREFIX}{whose} (run {run})"),
            (None, Some(run)) => format!("{PREFIX}{whose} (adopted by run {run})"),
            (None, None) => format!("{PREFIX}{whose}"),
        }
    }

    /// Finds the line anywhere in a text.
    pub fn find(text: &str) -> Option<Self> {
        let rest = text
            .lines()
            .find_map(|line| line.split_once(PREFIX).map(|(_, rest)| rest))?;
        let id = |text: &str| text.split(')').next().and_then(|id| id.parse().ok());
        let (run, adopted_by) = (rest.split_once(" (run "), rest.split_once(" (adopted by run "));
        let whose = match run.or(adopted_by) {
            Some((whose, _)) => whose,
            None => rest.split_whitespace().next().unwrap_or(rest),
        };
        let run = run.and_then(|(_, text)| id(text));
        let adopted_by = adopted_by.and_then(|(_, text)| id(text));
        let (project, service) = match whose.trim().split_once('/') {
            Some((project, service)) => (project.to_owned(), Some(service.to_owned())),
            None => (whose.trim().to_owned(), None),
        };
        Some(Self {
            project,
            service,
            run,
            adopted_by,
        })
    }

    /// A text without the lines of marks: as it was before it was adopted.
    pub fn without(text: &str) -> String {
        let theirs = text.lines().filter(|line| Self::find(line).is_none());
        theirs.collect::<Vec<_>>().join("\n")
    }

    /// Whether it names the owner's service.
    pub fn is_of_service(&self, key: &ServiceKey) -> bool {
        self.project == key.project.as_str() && self.service.as_deref() == Some(key.service.as_str())
    }

    /// Whether it names the project, for its services together.
    pub fn is_of_project(&self, project: &ProjectSlug) -> bool {
        self.project == project.as_str() && self.service.is_none()
    }

    /// Whether the context's run made it.
    pub fn is_of_run(&self, context: &StepContext) -> bool {
        self.run == Some(context.owner.run)
    }

    /// What a resource with this mark, known to be ours, is to the context's run: one that the run made, or adopted, in
    /// an earlier attempt, whose answer was lost, counts as created, or adopted.
    pub fn provenance(&self, context: &StepContext) -> Provenance {
        if self.is_of_run(context) {
            Provenance::Created
        } else if self.is_adopted_by_run(context) {
            Provenance::Adopted
        } else {
            Provenance::Existing
        }
    }

    fn is_adopted_by_run(&self, context: &StepContext) -> bool {
        self.run.is_none() && self.adopted_by == Some(context.owner.run)
    }

    /// Whether the removal takes this mark, known to be ours, off something that stays, since it was adopted: the run
    /// that adopted it came to nothing, or its service goes. What a project's services share stays adopted then.
    pub fn comes_off(&self, context: &StepContext) -> bool {
        match context.removal {
            Removal::ThisRun => self.is_adopted_by_run(context),
            Removal::Service => self.run.is_none() && self.service.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_in_a_description() {
        let owner = Owner {
            service: "payments/checkout".parse().unwrap(),
            run: RunId(uuid::Uuid::nil()),
        };
        for mark in [
            Mark::service(&owner),
            Mark::project(&owner),
            Mark {
                run: None,
                ..Mark::service(&owner)
            },
            Mark::service(&owner).adopted(),
            Mark::project(&owner).adopted(),
        ] {
            let text = format!("Our team's.\n{}\nSee the wiki.", mark.line());
            assert_eq!(Mark::find(&text), Some(mark));
            assert_eq!(Mark::without(&text), "Our team's.\nSee the wiki.");
        }
        assert_eq!(Mark::find("Somebody's"), None);
    }
}
