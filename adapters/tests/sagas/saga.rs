//! The sagas, as the tests start them.

use opstella_commands::{AddComponent, AddEnvironment};
use opstella_domain::{Environment, RunId};

use crate::promotion::{FIRST, SECOND, promote, push};
use crate::world::{Process, component, context, key, step_ids};

/// A saga under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saga {
    Provision,
    AddComponent,
    AddEnvironment,
    Decommission,
    /// Of a second release, after a first one.
    Promote,
}

impl Saga {
    /// Makes what the saga starts from.
    pub async fn prepare(self, process: &Process, project: &str) {
        process.create_project(project).await;
        if self != Self::Provision {
            let run = process.create(project).await;
            process.succeeds(run).await;
        }
        if self == Self::Promote {
            push(process, project).await;
            let run = promote(process, project, FIRST, None).await;
            process.succeeds(run).await;
        }
    }

    /// Starts it.
    pub async fn start(self, process: &Process, project: &str) -> RunId {
        let (commands, key) = (&process.commands, key(project));
        let accepted = match self {
            Self::Provision => return process.create(project).await,
            Self::AddComponent => {
                let request = AddComponent {
                    key,
                    component: component("worker"),
                    adopt: false,
                };
                commands.add_component(&context(), request).await
            }
            Self::AddEnvironment => {
                let request = AddEnvironment {
                    key,
                    environment: Environment::Prd,
                    adopt: false,
                };
                commands.add_environment(&context(), request).await
            }
            Self::Decommission => {
                commands
                    .decommission_service(&context(), key, "end of life".into())
                    .await
            }
            Self::Promote => return promote(process, project, SECOND, Some(FIRST)).await,
        };
        accepted.unwrap().run.unwrap()
    }

    /// The steps of its plan.
    pub async fn steps(self, process: &Process) -> Vec<String> {
        let project = "plan";
        self.prepare(process, project).await;
        let run = self.start(process, project).await;
        step_ids(&process.succeeds(run).await.plan)
    }
}

/// One project for each step, so that all can be tried side by side.
pub fn project(index: usize) -> String {
    format!("pj{index:03}x")
}
