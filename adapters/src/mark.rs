//! Ownership marks: how a resource in a tool says which Opstella's it is, whose there, and which run made it.
//!
//! Two Opstellas may share a tool, and may have services of the same name in it: what another one marked is as foreign
//! as what nobody did.

use opstella_domain::operation::Owner;
use opstella_domain::resource::Provenance;
use opstella_domain::{InstallationId, RunId, ServiceKey};

use crate::{Removal, StepContext, StepError};

const PREFIX: &str = "Managed by Opstella ";

/// A mark as found in a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which Opstella's.
    pub installation: InstallationId,
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
            installation: owner.installation,
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

    /// One line for a description: `Managed by Opstella 7c9e…: payments/checkout (run 0190…)`.
    pub fn line(&self) -> String {
        let whose = match &self.service {
            Some(service) => format!("{}/{service}", self.project),
            None => self.project.clone(),
        };
        let whose = format!("{PREFIX}{}: {whose}", self.installation);
        match (self.run, self.adopted_by) {
            (Some(run), _) => format!("{whose} (run {run})"),
            (None, Some(run)) => format!("{whose} (adopted by run {run})"),
            (None, None) => whose,
        }
    }

    /// Finds the line anywhere in a text.
    pub fn find(text: &str) -> Option<Self> {
        text.lines().find_map(Self::in_line)
    }

    fn in_line(line: &str) -> Option<Self> {
        let (_, mark) = line.split_once(PREFIX)?;
        let (installation, rest) = mark.split_once(": ")?;
        let installation = installation.parse().ok()?;
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
            installation,
            project,
            service,
            run,
            adopted_by,
        })
    }

    /// A text without the lines of marks: as it was before it was adopted.
    pub fn without(text: &str) -> String {
        let theirs = text.lines().filter(|line| Self::in_line(line).is_none());
        theirs.collect::<Vec<_>>().join("\n")
    }

    /// Whether it names the owner's service, in the owner's installation.
    pub fn is_of_service(&self, owner: &Owner) -> bool {
        self.service.as_deref() == Some(owner.service.service.as_str()) && self.is_in_project(owner)
    }

    /// Whether it names the owner's project, for its services together, in the owner's installation.
    pub fn is_of_project(&self, owner: &Owner) -> bool {
        self.service.is_none() && self.is_in_project(owner)
    }

    fn is_in_project(&self, owner: &Owner) -> bool {
        self.installation == owner.installation && self.project == owner.service.project.as_str()
    }

    /// Which other installation than the owner's it names, if it does.
    pub fn of_another(&self, owner: &Owner) -> Option<InstallationId> {
        Some(self.installation).filter(|installation| *installation != owner.installation)
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

/// The refusal of what is there and not the service's; `another` is the installation of Opstella whose mark it bears, if
/// it is not ours.
pub(crate) fn foreign(tool: &str, kind: &str, name: &str, another: Option<InstallationId>) -> StepError {
    let whose = whose(another);
    StepError::Permanent {
        message: format!(
            "{tool}: the {kind} `{name}` is there already{whose}; remove or rename it, or ask for adoption"
        ),
    }
}

/// Whose something foreign is, after the words that it is there.
pub(crate) fn whose(another: Option<InstallationId>) -> String {
    match another {
        Some(installation) => format!(", managed by another installation of Opstella ({installation})"),
        None => " and not this service's".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn owner() -> Owner {
        Owner {
            installation: InstallationId(Uuid::from_u128(1)),
            service: "payments/checkout".parse().unwrap(),
            run: RunId(Uuid::nil()),
        }
    }

    #[test]
    fn a_mark_of_another_installation_is_not_ours() {
        let (ours, theirs) = (
            owner(),
            Owner {
                installation: InstallationId(Uuid::from_u128(2)),
                ..owner()
            },
        );
        for mark in [Mark::service(&theirs), Mark::project(&theirs)] {
            assert!(!mark.is_of_service(&ours) && !mark.is_of_project(&ours));
            assert_eq!(mark.of_another(&ours), Some(theirs.installation));
            assert_eq!(mark.of_another(&theirs), None);
        }
        assert!(Mark::service(&ours).is_of_service(&ours));
        assert!(Mark::project(&ours).is_of_project(&ours));
    }

    /// The longest mark fits into the description of a CI variable in GitLab, which has the least room of all.
    #[test]
    fn the_longest_line_fits_everywhere() {
        let long = "a".repeat(40);
        let owner = Owner {
            service: format!("{long}/{long}").parse().unwrap(),
            ..owner()
        };
        let longest = Mark::service(&owner).adopted().line();
        assert!(longest.len() <= 255, "{longest}");
    }

    #[test]
    fn a_line_is_found_in_a_description() {
        let owner = owner();
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
        for theirs in [
            "Somebody's",
            "Managed by Opstella",
            "Managed by Opstella ours: payments/checkout (run x)",
        ] {
            assert_eq!(Mark::find(theirs), None);
            assert_eq!(Mark::without(theirs), theirs);
        }
    }
}
