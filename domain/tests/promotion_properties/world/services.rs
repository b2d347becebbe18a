//! The service as a whole: made, changed, removed, made anew.

use opstella_domain::plan::SagaKind;
use opstella_domain::promotion::EnvironmentCommand;
use opstella_domain::run::{Run, RunCommand, RunStatus};
use opstella_domain::service::{ServiceCommand, ServiceEvent};
use opstella_domain::{DomainError, Environment, EnvironmentSet, RunId};

use super::{World, person};
use crate::acts::{AT_FIRST, COMPONENTS, ServiceAct};
use crate::support::promotion::who;
use crate::support::{component, key, plan, run_id};

impl World {
    pub(super) fn change_service(&mut self, what: ServiceAct, by: usize) -> Result<(), DomainError> {
        match what {
            ServiceAct::Create { environments } => self.create_service(environments, by),
            ServiceAct::AddComponent { component: which } => {
                let run = run_id(self.next());
                let command = ServiceCommand::AddComponent {
                    key: key(),
                    component: component(COMPONENTS[which]),
                    adopt: false,
                    run,
                };
                self.start(SagaKind::AddComponent, run, command)
            }
            ServiceAct::AddEnvironment { environment } => {
                let run = run_id(self.next());
                let command = ServiceCommand::AddEnvironment {
                    key: key(),
                    environment,
                    adopt: false,
                    run,
                };
                self.start(SagaKind::AddEnvironment, run, command)
            }
            ServiceAct::Decommission => {
                // The handler's to refuse: somebody counts on it.
                if self
                    .places
                    .values()
                    .any(|place| place.stream.state.in_flight.is_some())
                {
                    return Ok(());
                }
                let run = run_id(self.next());
                let command = ServiceCommand::Decommission {
                    key: key(),
                    reason: "nobody needs it".into(),
                    run,
                };
                self.start(SagaKind::DecommissionService, run, command)
            }
        }
    }

    pub(super) fn create_service(
        &mut self,
        environments: EnvironmentSet,
        by: usize,
    ) -> Result<(), DomainError> {
        let run = run_id(self.next());
        let command = ServiceCommand::Create {
            key: key(),
            components: COMPONENTS[..AT_FIRST]
                .iter()
                .map(|name| component(name))
                .collect(),
            environments,
            owner: person(by),
            adopt: false,
            run,
        };
        self.start(SagaKind::ProvisionService, run, command)
    }

    /// The plan is small: what such a run does in the tools is no promotion's business.
    fn start(&mut self, saga: SagaKind, run: RunId, command: ServiceCommand) -> Result<(), DomainError> {
        self.service(command)?;
        let planned = RunCommand::Plan {
            run,
            saga,
            service: key(),
            adopt: false,
            at: self.now,
            environment: None,
            plan: plan(&[("a", &[]), ("b", &["a"])]),
        };
        self.plan_run(run, planned);
        Ok(())
    }

    fn service(&mut self, command: ServiceCommand) -> Result<(), DomainError> {
        for event in self.service.take(&mut self.tally, command)? {
            match event {
                ServiceEvent::ServiceRequested { environments, .. } => {
                    self.chosen = environments.iter().collect();
                }
                ServiceEvent::EnvironmentAdded { environment, .. } => {
                    self.chosen.insert(environment);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The run that the service waits for goes well.
    pub(super) fn finish_service(&mut self) {
        if let Some(run) = self.service.state.run {
            self.finish(run);
        }
    }

    /// What the end of a run means for the service.
    pub(super) fn end_for_service(&mut self, run: RunId, state: &Run) {
        let succeeded = state.status == RunStatus::Succeeded;
        let removes = state.saga.unwrap().removes();
        let left_behind = (removes || !succeeded) && !state.left_behind().is_empty();
        let command = match succeeded {
            true => ServiceCommand::RunSucceeded { run, left_behind },
            false => ServiceCommand::RunEnded {
                run,
                cause: state.cause_text(),
                left_behind,
            },
        };
        self.service(command).unwrap();
        if removes && succeeded {
            for environment in Environment::all() {
                let command = EnvironmentCommand::Remove {
                    by: who("system:engine"),
                    at: self.now,
                };
                self.environment(environment, command, false).unwrap();
            }
            self.tools.forget();
        }
    }
}
