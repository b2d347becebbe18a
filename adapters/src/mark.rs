//! Ownership marks: how a resource in a tool says that it is ours, whose, and which run made it.

use opstella_domain::operation::Owner;
use opstella_domain::resource::Provenance;
use opstella_domain::{ProjectSlug, RunId, ServiceKey};

use crate::StepContext;

const PREFIX: &str = "Managed by Opstella: ";

/// A mark as found in a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Whose project.
    pub project: String,
    /// Whose service; none for what a project's services share.
    pub service: Option<String>,
    /// Which run made it.
    pub run: Option<RunId>,
}

impl Mark {
    /// The mark of a service's resource.
    pub fn service(owner: &Owner) -> Self {
        let ServiceKey { project, service } = &owner.service;
        Self {
            project: project.to_string(),
            service: Some(service.to_string()),
            run: Some(owner.run),
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
        match self.run {
            Some(run) => format!("{PREFIX}{whose} (run {run})"),
            None => format!("{PREFIX}{whose}"),
        }
    }

    /// Finds the line anywhere in a text.
    pub fn find(text: &str) -> Option<Self> {
        let rest = text
            .lines()
            .find_map(|line| line.split_once(PREFIX).map(|(_, rest)| rest))?;
        let (whose, run) = match rest.split_once(" (run ") {
            Some((whose, run)) => (whose, run.split(')').next().and_then(|id| id.parse().ok())),
            None => (rest.split_whitespace().next().unwrap_or(rest), None),
        };
        let (project, service) = match whose.trim().split_once('/') {
            Some((project, service)) => (project.to_owned(), Some(service.to_owned())),
            None => (whose.trim().to_owned(), None),
        };
        Some(Self {
            project,
            service,
            run,
        })
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

    /// What a resource with this mark, known to be ours, is to the context's run: one that the run made in an earlier
    /// attempt, whose answer was lost, counts as created.
    pub fn provenance(&self, context: &StepContext) -> Provenance {
        if self.is_of_run(context) {
            Provenance::Created
        } else {
            Provenance::Existing
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
        ] {
            let text = format!("Our team's.\n{}\nSee the wiki.", mark.line());
            assert_eq!(Mark::find(&text), Some(mark));
        }
        assert_eq!(Mark::find("Somebody's"), None);
    }
}
