//! The service aggregate: lifecycle, and the one change in flight.

use serde::{Deserialize, Serialize};

use super::command::first_duplicate;
use super::{ComponentSpec, Leftovers, ServiceCommand, ServiceEvent};
use crate::decide::aggregate;
use crate::{ComponentName, Decide, DomainError, Environment, EnvironmentSet, RunId, ServiceKey, Subject};

/// Most components of one service.
pub const MAX_COMPONENTS: usize = 20;

/// Where a service stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// Nobody has asked for it yet.
    #[default]
    Unknown,
    /// Being made.
    Provisioning,
    /// There.
    Active,
    /// Could not be made; what was made is unmade.
    ProvisioningFailed,
    /// Being removed.
    Decommissioning,
    /// Gone.
    Decommissioned,
}

/// A change of an active service in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A component is being added.
    Component(ComponentSpec),
    /// An environment is being added.
    Environment(Environment),
}

/// The aggregate; its stream's id is the [`ServiceKey`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Service {
    /// Where it stands.
    pub lifecycle: Lifecycle,
    /// What it is made of.
    pub components: Vec<ComponentSpec>,
    /// Where it is.
    pub environments: Option<EnvironmentSet>,
    /// Who answers for it.
    pub owner: Option<Subject>,
    /// Whether its creator allowed adoption.
    pub adopt: bool,
    /// The run that made it, or tries to: it tells services apart that have the same name one after the other.
    #[serde(default)]
    pub incarnation: Option<RunId>,
    /// The run in flight.
    pub run: Option<RunId>,
    /// What it changes, if the service is active.
    pub change: Option<Change>,
    /// What runs that came to nothing may have left.
    #[serde(default)]
    pub leftovers: Leftovers,
}

impl Service {
    /// The commands that it takes now; none while a run is in flight.
    pub fn accepts(&self) -> Vec<&'static str> {
        match (self.lifecycle, self.run.is_some()) {
            // Something of it is there still: it may be removed, as what it was meant to be.
            (Lifecycle::ProvisioningFailed | Lifecycle::Decommissioned, _) if self.left_behind() => {
                vec!["CreateService", "DecommissionService"]
            }
            (Lifecycle::Unknown | Lifecycle::ProvisioningFailed | Lifecycle::Decommissioned, _) => {
                vec!["CreateService"]
            }
            (Lifecycle::Active, false) => vec!["AddComponent", "AddEnvironment", "DecommissionService"],
            (Lifecycle::Decommissioning, false) => vec!["DecommissionService"],
            (Lifecycle::Provisioning | Lifecycle::Active | Lifecycle::Decommissioning, _) => vec![],
        }
    }

    /// Whether something may be there still that a run should have unmade or removed.
    pub fn left_behind(&self) -> bool {
        !self.leftovers.is_empty()
    }

    /// What a decommissioning has to look after: what the service has, and what was left behind.
    pub fn to_remove(&self) -> (Vec<ComponentSpec>, EnvironmentSet) {
        let environments = self.environments.clone().unwrap_or_else(EnvironmentSet::all);
        (
            self.leftovers.with_components(&self.components),
            self.leftovers.with_environments(&environments),
        )
    }

    /// Checks that the service may have these components, beside what was left behind: all together have to be
    /// removed at once one day.
    fn fits(&self, field: &'static str, components: &[ComponentSpec]) -> Result<(), DomainError> {
        let all = self.leftovers.with_components(components);
        if all.len() <= MAX_COMPONENTS {
            return Ok(());
        }
        let left: Vec<&str> = self
            .leftovers
            .components
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        let mut rule = format!(
            "a service has at most {MAX_COMPONENTS} components, these are {}",
            all.len()
        );
        if !left.is_empty() {
            let list = left.join(", ");
            rule.push_str(&format!(
                " with what failed runs left behind: {list}; ask for one of these again, or decommission the service"
            ));
        }
        Err(DomainError::invalid(field, rule))
    }

    /// Where it stands, in words, with the run that must end first.
    pub fn state(&self) -> String {
        let lifecycle: &'static str = self.lifecycle.into();
        match self.run {
            Some(run) => format!(
                "{} (run {run} in flight)",
                if self.change.is_some() {
                    "changing"
                } else {
                    lifecycle
                }
            ),
            None => lifecycle.to_owned(),
        }
    }

    fn admit(&self, key: &ServiceKey, command: &'static str) -> Result<(), DomainError> {
        let accepts = self.accepts();
        if accepts.contains(&command) {
            return Ok(());
        }
        if self.lifecycle == Lifecycle::Unknown {
            return Err(DomainError::NotFound {
                kind: "service",
                id: key.to_string(),
            });
        }
        Err(DomainError::WrongState {
            kind: "service",
            id: key.to_string(),
            state: self.state(),
            command,
            accepts,
        })
    }

    fn create(&self, key: &ServiceKey, components: &[ComponentSpec]) -> Result<(), DomainError> {
        if matches!(self.lifecycle, Lifecycle::Active | Lifecycle::Provisioning) {
            return Err(DomainError::AlreadyExists {
                kind: "service",
                id: key.to_string(),
            });
        }
        self.admit(key, "CreateService")?;
        if components.is_empty() || components.len() > MAX_COMPONENTS {
            let rule = format!("1 to {MAX_COMPONENTS} components, these are {}", components.len());
            return Err(DomainError::invalid("components", rule));
        }
        if let Some(name) = first_duplicate(components) {
            return Err(DomainError::invalid(
                "components",
                format!("each name once, `{name}` is there twice"),
            ));
        }
        self.fits("components", components)
    }

    fn has_component(&self, name: &ComponentName) -> bool {
        self.components.iter().any(|c| &c.name == name)
    }

    /// What follows when the run in flight ends; a run that is not in flight changes nothing (it was handled).
    fn end_run(&self, ended: RunId, cause: Option<String>, left_behind: bool) -> Vec<ServiceEvent> {
        if self.run != Some(ended) {
            return vec![];
        }
        let run = ended;
        let event = match (self.lifecycle, &self.change, cause) {
            (Lifecycle::Provisioning, _, None) => ServiceEvent::ServiceActivated { run },
            (Lifecycle::Provisioning, _, Some(cause)) => ServiceEvent::ServiceProvisioningFailed {
                run,
                cause,
                left_behind,
            },
            (Lifecycle::Active, Some(Change::Component(component)), None) => ServiceEvent::ComponentAdded {
                component: component.clone(),
                run,
            },
            (Lifecycle::Active, Some(Change::Component(component)), Some(cause)) => {
                ServiceEvent::ComponentAdditionFailed {
                    component: component.name.clone(),
                    run,
                    cause,
                    left_behind,
                }
            }
            (Lifecycle::Active, Some(Change::Environment(environment)), None) => {
                ServiceEvent::EnvironmentAdded {
                    environment: *environment,
                    run,
                }
            }
            (Lifecycle::Active, Some(Change::Environment(environment)), Some(cause)) => {
                ServiceEvent::EnvironmentAdditionFailed {
                    environment: *environment,
                    run,
                    cause,
                    left_behind,
                }
            }
            (Lifecycle::Decommissioning, _, None) => ServiceEvent::ServiceDecommissioned { run, left_behind },
            (Lifecycle::Decommissioning, _, Some(cause)) => {
                ServiceEvent::ServiceDecommissionAbandoned { run, cause }
            }
            _ => return vec![],
        };
        vec![event]
    }
}

impl Decide for Service {
    const TYPE: &'static str = "Service";
    type Command = ServiceCommand;
    type Event = ServiceEvent;

    fn decide(&self, command: ServiceCommand) -> Result<Vec<ServiceEvent>, DomainError> {
        let name = command.name();
        let event = match command {
            ServiceCommand::Create {
                key,
                components,
                environments,
                owner,
                adopt,
                run,
            } => {
                self.create(&key, &components)?;
                ServiceEvent::ServiceRequested {
                    key,
                    components,
                    environments,
                    owner,
                    adopt,
                    run,
                }
            }
            ServiceCommand::AddComponent {
                key,
                component,
                adopt,
                run,
            } => {
                self.admit(&key, name)?;
                if self.has_component(&component.name) {
                    let id = format!("{key}/{}", component.name);
                    return Err(DomainError::AlreadyExists {
                        kind: "component",
                        id,
                    });
                }
                let with: Vec<_> = self.components.iter().chain([&component]).cloned().collect();
                self.fits("name", &with)?;
                ServiceEvent::ComponentRequested {
                    component,
                    adopt,
                    run,
                }
            }
            ServiceCommand::AddEnvironment {
                key,
                environment,
                adopt,
                run,
            } => {
                self.admit(&key, name)?;
                if self
                    .environments
                    .as_ref()
                    .is_some_and(|e| e.contains(environment))
                {
                    let id = format!("{key}/{environment}");
                    return Err(DomainError::AlreadyExists {
                        kind: "environment",
                        id,
                    });
                }
                ServiceEvent::EnvironmentRequested {
                    environment,
                    adopt,
                    run,
                }
            }
            ServiceCommand::Decommission { key, reason, run } => {
                self.admit(&key, name)?;
                crate::reason::check("reason", &reason)?;
                ServiceEvent::ServiceDecommissionRequested { reason, run }
            }
            ServiceCommand::RunSucceeded { run, left_behind } => {
                return Ok(self.end_run(run, None, left_behind));
            }
            ServiceCommand::RunEnded {
                run,
                cause,
                left_behind,
            } => {
                return Ok(self.end_run(run, Some(cause), left_behind));
            }
        };
        Ok(vec![event])
    }

    fn evolve(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::ServiceRequested {
                components,
                environments,
                owner,
                adopt,
                run,
                ..
            } => {
                *self = Self {
                    lifecycle: Lifecycle::Provisioning,
                    components,
                    environments: Some(environments),
                    owner: Some(owner),
                    adopt,
                    incarnation: Some(run),
                    run: Some(run),
                    change: None,
                    leftovers: std::mem::take(&mut self.leftovers),
                };
            }
            ServiceEvent::ServiceActivated { .. } => {
                for component in &self.components {
                    self.leftovers.drop_component(&component.name);
                }
                for environment in self.environments.iter().flat_map(EnvironmentSet::iter) {
                    self.leftovers.drop_environment(environment);
                }
                self.settle(Lifecycle::Active);
            }
            ServiceEvent::ServiceProvisioningFailed { left_behind, .. } => {
                if left_behind {
                    self.leave_all();
                }
                self.settle(Lifecycle::ProvisioningFailed);
            }
            ServiceEvent::ComponentRequested { component, run, .. } => {
                self.change = Some(Change::Component(component));
                self.run = Some(run);
            }
            ServiceEvent::ComponentAdded { component, .. } => {
                self.leftovers.drop_component(&component.name);
                self.components.push(component);
                self.settle(Lifecycle::Active);
            }
            ServiceEvent::EnvironmentRequested { environment, run, .. } => {
                self.change = Some(Change::Environment(environment));
                self.run = Some(run);
            }
            ServiceEvent::EnvironmentAdded { environment, .. } => {
                self.leftovers.drop_environment(environment);
                self.environments = self.environments.as_ref().map(|e| e.with(environment));
                self.settle(Lifecycle::Active);
            }
            ServiceEvent::ComponentAdditionFailed { left_behind, .. }
            | ServiceEvent::EnvironmentAdditionFailed { left_behind, .. } => {
                match self.change.take().filter(|_| left_behind) {
                    Some(Change::Component(component)) => self.leftovers.add_component(component),
                    Some(Change::Environment(environment)) => self.leftovers.add_environment(environment),
                    None => {}
                }
                self.settle(Lifecycle::Active);
            }
            ServiceEvent::ServiceDecommissionRequested { run, .. } => {
                self.lifecycle = Lifecycle::Decommissioning;
                self.run = Some(run);
            }
            ServiceEvent::ServiceDecommissioned { left_behind, .. } => {
                if left_behind {
                    self.leave_all();
                } else {
                    self.leftovers = Leftovers::default();
                }
                self.settle(Lifecycle::Decommissioned);
            }
            ServiceEvent::ServiceDecommissionAbandoned { .. } => {
                self.leave_all();
                self.settle(Lifecycle::Decommissioning);
            }
        }
    }
}

impl Service {
    /// Of all that it was meant to have, something may be there.
    fn leave_all(&mut self) {
        for component in &self.components {
            self.leftovers.add_component(component.clone());
        }
        for environment in self.environments.iter().flat_map(EnvironmentSet::iter) {
            self.leftovers.add_environment(environment);
        }
    }

    fn settle(&mut self, lifecycle: Lifecycle) {
        self.lifecycle = lifecycle;
        self.run = None;
        self.change = None;
    }
}

aggregate!(Service, ServiceEvent);
