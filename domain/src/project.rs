//! Projects: a team's space.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::aggregate;
use crate::{Decide, DomainError, ProjectSlug, Subject};

/// What can be asked of a project.
#[derive(Debug, Clone)]
pub enum ProjectCommand {
    /// `CreateProject`.
    Create {
        /// Its slug.
        slug: ProjectSlug,
        /// Its name for people.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// Who answers for it.
        owner: Subject,
    },
}

/// What happened to a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum ProjectEvent {
    /// The project was created.
    ProjectCreated {
        /// Its slug.
        slug: ProjectSlug,
        /// Its name for people.
        name: String,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Who answers for it.
        owner: Subject,
    },
}

/// The aggregate; its stream's id is the slug.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Project {
    /// Who answers for it, once it exists.
    pub owner: Option<Subject>,
}

impl Decide for Project {
    const TYPE: &'static str = "Project";
    type Command = ProjectCommand;
    type Event = ProjectEvent;

    fn decide(&self, command: ProjectCommand) -> Result<Vec<ProjectEvent>, DomainError> {
        let ProjectCommand::Create {
            slug,
            name,
            description,
            owner,
        } = command;
        if self.owner.is_some() {
            return Err(DomainError::AlreadyExists {
                kind: "project",
                id: slug.to_string(),
            });
        }
        let printable = |text: &str| !text.chars().any(char::is_control);
        if name.trim().is_empty() || name.chars().count() > 100 || !printable(&name) {
            return Err(DomainError::invalid("name", "1 to 100 printable characters"));
        }
        if description.as_deref().is_some_and(|d| d.chars().count() > 1000) {
            return Err(DomainError::invalid("description", "at most 1000 characters"));
        }
        Ok(vec![ProjectEvent::ProjectCreated {
            slug,
            name,
            description,
            owner,
        }])
    }

    fn evolve(&mut self, event: ProjectEvent) {
        let ProjectEvent::ProjectCreated { owner, .. } = event;
        self.owner = Some(owner);
    }
}

aggregate!(Project, ProjectEvent);

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    fn create(name: &str) -> ProjectCommand {
        ProjectCommand::Create {
            slug: "payments".parse().unwrap(),
            name: name.into(),
            description: None,
            owner: "alice".parse().unwrap(),
        }
    }

    fn created() -> ProjectEvent {
        ProjectEvent::ProjectCreated {
            slug: "payments".parse().unwrap(),
            name: "Payments".into(),
            description: None,
            owner: "alice".parse().unwrap(),
        }
    }

    #[test]
    fn a_project_is_created_once() {
        TestFramework::<Project>::with(())
            .given_no_previous_events()
            .when(create("Payments"))
            .then_expect_events(vec![created()]);
        TestFramework::<Project>::with(())
            .given(vec![created()])
            .when(create("Payments"))
            .then_expect_error(DomainError::AlreadyExists {
                kind: "project",
                id: "payments".into(),
            });
    }

    #[test]
    fn names_are_for_people() {
        for wrong in ["", "  ", "a\nb", &"x".repeat(101)] {
            assert!(Project::default().decide(create(wrong)).is_err());
        }
    }
}
