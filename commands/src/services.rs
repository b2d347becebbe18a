//! Services: every command plans a run, and both are stored together or not at all.

use chrono::Utc;
use opstella_domain::plan::{Plan, SagaKind, plan_add_component, plan_add_environment};
use opstella_domain::plan::{plan_decommission, plan_provision};
use opstella_domain::project::Project;
use opstella_domain::run::{Run, RunCommand};
use opstella_domain::service::{ComponentSpec, Service, ServiceCommand};
use opstella_domain::template::{Template, TemplateRef, TemplateVersion};
use opstella_domain::{
    ComponentName, Decide, DomainError, Environment, EnvironmentSet, RunId, ServiceKey, Subject, TemplateName,
};
use opstella_journal::{Loaded, StreamAppend};
use uuid::Uuid;

use crate::anew::anew;
use crate::unit::Decision;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// A component as a request names it: without a version, the template's newest is taken.
#[derive(Debug, Clone)]
pub struct ComponentRequest {
    /// Its name within the service.
    pub name: ComponentName,
    /// Its template.
    pub template: TemplateName,
    /// The template's version.
    pub version: Option<TemplateVersion>,
}

/// `CreateService`.
#[derive(Debug, Clone)]
pub struct CreateService {
    /// Which.
    pub key: ServiceKey,
    /// Made of what.
    pub components: Vec<ComponentRequest>,
    /// In which environments.
    pub environments: EnvironmentSet,
    /// Who answers for it.
    pub owner: Subject,
    /// Whether resources that are there and not ours may be adopted.
    pub adopt: bool,
}

/// `AddComponent`.
#[derive(Debug, Clone)]
pub struct AddComponent {
    /// To which service.
    pub key: ServiceKey,
    /// Which.
    pub component: ComponentRequest,
    /// Whether resources that are there and not ours may be adopted.
    pub adopt: bool,
}

/// `AddEnvironment`.
#[derive(Debug, Clone)]
pub struct AddEnvironment {
    /// To which service.
    pub key: ServiceKey,
    /// Which.
    pub environment: Environment,
    /// Whether resources that are there and not ours may be adopted.
    pub adopt: bool,
}

/// A plan and what it is for, before anything is stored.
struct Draft {
    saga: SagaKind,
    plan: Plan,
    adopt: bool,
    service: ServiceCommand,
    run: RunId,
}

impl Commands {
    /// Asks for a service; a run provisions it.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn create_service(
        &self,
        context: &CommandContext,
        request: CreateService,
    ) -> Result<Accepted, CommandError> {
        let request = &request;
        self.start("CreateService", context, &request.key, |_| async move {
            self.draft_creation(request).await
        })
        .await
    }

    /// The plan that [`create_service`](Self::create_service) would record now, without recording anything.
    ///
    /// # Errors
    /// [`CommandError`], as the command would.
    pub async fn plan_service(
        &self,
        context: &CommandContext,
        request: CreateService,
    ) -> Result<Plan, CommandError> {
        self.permit(context, "CreateService", Some(&request.key.project))
            .await?;
        let draft = anew(async {
            let loaded = self
                .load_new_expected::<Service>(&request.key.to_string(), context)
                .await?;
            let draft = self.draft_creation(&request).await?;
            loaded.state.decide(draft.service.clone())?;
            Ok::<_, CommandError>(draft)
        })
        .await?;
        Ok(draft.plan)
    }

    /// Asks for one more component.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn add_component(
        &self,
        context: &CommandContext,
        request: AddComponent,
    ) -> Result<Accepted, CommandError> {
        let request = &request;
        self.start("AddComponent", context, &request.key, |service| async move {
            let component = self.resolve("template", &request.component).await?;
            let run = new_run();
            let key = request.key.clone();
            let command = ServiceCommand::AddComponent {
                key: key.clone(),
                component: component.clone(),
                adopt: request.adopt,
                run,
            };
            service.state.decide(command.clone())?;
            let environments = environments(&service);
            let plan = plan_add_component(&key, &component, &environments, &self.targets().await?)?;
            Ok(Draft {
                saga: SagaKind::AddComponent,
                plan,
                adopt: request.adopt,
                service: command,
                run,
            })
        })
        .await
    }

    /// Asks for one more environment.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn add_environment(
        &self,
        context: &CommandContext,
        request: AddEnvironment,
    ) -> Result<Accepted, CommandError> {
        let AddEnvironment {
            ref key,
            environment,
            adopt,
        } = request;
        self.start("AddEnvironment", context, key, |service| async move {
            let run = new_run();
            let command = ServiceCommand::AddEnvironment {
                key: key.clone(),
                environment,
                adopt,
                run,
            };
            service.state.decide(command.clone())?;
            let targets = self.targets().await?;
            let plan = plan_add_environment(key, &service.state.components, environment, &targets)?;
            Ok(Draft {
                saga: SagaKind::AddEnvironment,
                plan,
                adopt,
                service: command,
                run,
            })
        })
        .await
    }

    /// Asks for the end of a service; a run removes what is its own.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn decommission_service(
        &self,
        context: &CommandContext,
        key: ServiceKey,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        let (key, reason) = (&key, &reason);
        self.start("DecommissionService", context, key, |service| async move {
            let run = new_run();
            let command = ServiceCommand::Decommission {
                key: key.clone(),
                reason: reason.clone(),
                run,
            };
            service.state.decide(command.clone())?;
            self.nothing_in_flight(key).await?;
            let (components, environments) = service.state.to_remove();
            let plan = plan_decommission(key, &components, &environments, &self.targets().await?)?;
            Ok(Draft {
                saga: SagaKind::DecommissionService,
                plan,
                adopt: false,
                service: command,
                run,
            })
        })
        .await
    }

    /// Stores what happens to the service and the planned run in one unit.
    async fn start<D, F>(
        &self,
        command: &'static str,
        context: &CommandContext,
        key: &ServiceKey,
        draft: D,
    ) -> Result<Accepted, CommandError>
    where
        D: Fn(Loaded<Service>) -> F,
        F: Future<Output = Result<Draft, CommandError>>,
    {
        let draft = &draft;
        let decide = || async move {
            let service = self.load_expected::<Service>(&key.to_string(), context).await?;
            let Draft {
                saga,
                plan,
                adopt,
                service: command,
                run,
            } = draft(service.clone()).await?;
            let events = service.state.decide(command)?;
            let service = StreamAppend::of(&service, events)?;
            let planned = RunCommand::Plan {
                run,
                saga,
                service: key.clone(),
                adopt,
                at: Utc::now(),
                environment: None,
                plan,
            };
            let fresh = Loaded::<Run>::absent(run.to_string());
            let run_stream = StreamAppend::of(&fresh, fresh.state.decide(planned)?)?;
            let resource = format!("/projects/{}/services/{}", key.project, key.service);
            let answer = Accepted::new(resource, service.version_after()).with_run(run);
            Ok(Decision {
                streams: vec![service, run_stream],
                answer,
            })
        };
        self.carry_out(command, context, Some(&key.project), decide).await
    }

    async fn draft_creation(&self, request: &CreateService) -> Result<Draft, CommandError> {
        let project = self.load::<Project>(request.key.project.as_str()).await?;
        if project.version == 0 {
            return Err(DomainError::NotFound {
                kind: "project",
                id: request.key.project.to_string(),
            }
            .into());
        }
        let mut components = Vec::with_capacity(request.components.len());
        for (index, component) in request.components.iter().enumerate() {
            components.push(
                self.resolve(&format!("components[{index}].template"), component)
                    .await?,
            );
        }
        let run = new_run();
        let command = ServiceCommand::Create {
            key: request.key.clone(),
            components: components.clone(),
            environments: request.environments.clone(),
            owner: request.owner.clone(),
            adopt: request.adopt,
            run,
        };
        let service = self.load::<Service>(&request.key.to_string()).await?;
        service.state.decide(command.clone())?;
        let plan = plan_provision(
            &request.key,
            &components,
            &request.environments,
            &self.targets().await?,
        )?;
        Ok(Draft {
            saga: SagaKind::ProvisionService,
            plan,
            adopt: request.adopt,
            service: command,
            run,
        })
    }

    /// Finds the version of the template that a component is made from.
    async fn resolve(&self, field: &str, request: &ComponentRequest) -> Result<ComponentSpec, CommandError> {
        let template = self.load::<Template>(request.template.as_str()).await?;
        let missing = |id: String| CommandError::Reference {
            field: field.to_owned(),
            cause: Box::new(DomainError::NotFound { kind: "template", id }),
        };
        let version = match request.version {
            Some(version) => template
                .state
                .versions
                .contains_key(&version)
                .then_some(version)
                .ok_or_else(|| {
                    missing(
                        TemplateRef {
                            name: request.template.clone(),
                            version,
                        }
                        .to_string(),
                    )
                })?,
            None => template
                .state
                .latest()
                .ok_or_else(|| missing(request.template.to_string()))?,
        };
        let template = TemplateRef {
            name: request.template.clone(),
            version,
        };
        Ok(ComponentSpec {
            name: request.name.clone(),
            template,
        })
    }
}

fn environments(service: &Loaded<Service>) -> EnvironmentSet {
    service
        .state
        .environments
        .clone()
        .unwrap_or_else(EnvironmentSet::all)
}

fn new_run() -> RunId {
    RunId(Uuid::now_v7())
}
