//! Asking for promotions: forward, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use cqrs_es::Aggregate;
use opstella_domain::plan::plan_promote;
use opstella_domain::promotion::{
    ChangeReference, EnvironmentCommand, EnvironmentKey, PromotionId, PromotionKind, ServiceEnvironment,
    WhenBusy, promote_to,
};
use opstella_domain::release::{Release, ReleaseKey, ReleaseVersion};
use opstella_domain::service::{Lifecycle, Service};
use opstella_domain::{DomainError, Environment, ServiceKey, Subject};
use opstella_journal::Loaded;
use uuid::Uuid;

use super::gates::Checked;
use crate::anew::anew;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// `PromoteToSit`, `PromoteToUat`, … : a release goes into the next environment.
#[derive(Debug, Clone)]
pub struct PromoteRelease {
    /// Where.
    pub key: EnvironmentKey,
    /// Which release.
    pub release: ReleaseVersion,
    /// The change that it belongs to.
    pub change_reference: Option<ChangeReference>,
    /// What to do where another promotion is in flight.
    pub when_busy: WhenBusy,
}

/// `Rollback`: an environment goes back to a release that it ran before.
#[derive(Debug, Clone)]
pub struct RollBack {
    /// Where.
    pub key: EnvironmentKey,
    /// To which release; the one before where absent.
    pub release: Option<ReleaseVersion>,
    /// The change that it belongs to.
    pub change_reference: Option<ChangeReference>,
    /// What to do where another promotion is in flight.
    pub when_busy: WhenBusy,
}

impl Commands {
    /// Asks for a release to go into an environment.
    ///
    /// # Errors
    /// [`CommandError`]; `WrongState` where the release was not deployed to the environment before, or another
    /// promotion is in flight.
    pub async fn promote(
        &self,
        context: &CommandContext,
        request: PromoteRelease,
    ) -> Result<Accepted, CommandError> {
        let promotion = PromotionId(Uuid::now_v7());
        let (request, requester) = (&request, &context.caller()?);
        let name = promote_to(request.key.environment);
        self.move_promotion(name, context, &request.key, promotion, |_| async move {
            self.requested(request, requester, promotion).await
        })
        .await
    }

    /// Asks for an environment to go back to a release that it ran before.
    ///
    /// # Errors
    /// [`CommandError`]; `Invalid` where it never ran the release.
    pub async fn roll_back(
        &self,
        context: &CommandContext,
        request: RollBack,
    ) -> Result<Accepted, CommandError> {
        let promotion = PromotionId(Uuid::now_v7());
        let (request, requester) = (&request, &context.caller()?);
        self.move_promotion(
            "Rollback",
            context,
            &request.key,
            promotion,
            |environment| async move {
                self.active_service(&request.key, "Rollback").await?;
                let release = match &request.release {
                    Some(release) => release.clone(),
                    None => before(&environment.state)?,
                };
                let key = ReleaseKey {
                    service: request.key.service.clone(),
                    version: release.clone(),
                };
                let loaded = self.release(&key).await?;
                Ok(EnvironmentCommand::Request {
                    key: request.key.clone(),
                    promotion,
                    kind: PromotionKind::Rollback,
                    release,
                    images: loaded.state.digests(),
                    requester: requester.clone(),
                    authors: loaded.state.authors.clone(),
                    change_reference: request.change_reference.clone(),
                    when_busy: request.when_busy,
                    came_from: None,
                    at: Utc::now(),
                })
            },
        )
        .await
    }

    /// Answers whether a release could be promoted now, without doing it: every gate, and what would open it.
    ///
    /// # Errors
    /// [`CommandError`], as [`promote`](Self::promote).
    pub async fn check_promotion(
        &self,
        context: &CommandContext,
        request: PromoteRelease,
    ) -> Result<Checked, CommandError> {
        let project = &request.key.service.project;
        self.permit(context, "CheckPromotion", Some(project)).await?;
        let requester = context.caller()?;
        anew(async {
            let environment = self.load::<ServiceEnvironment>(&request.key.to_string()).await?;
            let promotion = PromotionId(Uuid::now_v7());
            let command = self.requested(&request, &requester, promotion).await?;
            self.checked(&request.key, &environment.state, command).await
        })
        .await
    }

    async fn requested(
        &self,
        request: &PromoteRelease,
        requester: &Subject,
        promotion: PromotionId,
    ) -> Result<EnvironmentCommand, CommandError> {
        let key = &request.key;
        let service = self.active_service(key, promote_to(key.environment)).await?;
        let release_key = ReleaseKey {
            service: key.service.clone(),
            version: request.release.clone(),
        };
        let release = self.release(&release_key).await?;
        if !release.state.sealed {
            let has: BTreeMap<_, _> = release.state.digests();
            let names: Vec<_> = has.keys().map(ToString::to_string).collect();
            return Err(DomainError::WrongState {
                kind: "release",
                id: release_key.to_string(),
                state: format!("not sealed: it has images of {} only", names.join(", ")),
                command: promote_to(key.environment),
                accepts: vec!["RegisterRelease", "SealRelease"],
            }
            .into());
        }
        // That no tool is missing is found out now, not when somebody has approved.
        plan_promote(
            &key.service,
            key.environment,
            &request.release,
            &self.carried(&release.state.digests(), &ServiceEnvironment::default()),
            &self.targets().await?,
        )?;
        let came_from = self.came_from(&service, key, &request.release).await?;
        Ok(EnvironmentCommand::Request {
            key: key.clone(),
            promotion,
            kind: PromotionKind::Promote,
            release: request.release.clone(),
            images: release.state.digests(),
            requester: requester.clone(),
            authors: release.state.authors.clone(),
            change_reference: request.change_reference.clone(),
            when_busy: request.when_busy,
            came_from,
            at: Utc::now(),
        })
    }

    /// The service, if it takes promotions and has the environment.
    pub(super) async fn active_service(
        &self,
        key: &EnvironmentKey,
        command: &'static str,
    ) -> Result<Arc<Service>, CommandError> {
        let service = self.active(&key.service, command).await?;
        let chosen = service.environments.as_ref();
        if !chosen.is_some_and(|all| all.contains(key.environment)) {
            return Err(missing("environment", key.to_string()));
        }
        Ok(service)
    }

    /// The service, if it is active and so takes the command.
    pub(crate) async fn active(
        &self,
        key: &ServiceKey,
        command: &'static str,
    ) -> Result<Arc<Service>, CommandError> {
        let service = self.existing_service(key).await?.state;
        if service.lifecycle == Lifecycle::Active {
            return Ok(service);
        }
        Err(DomainError::WrongState {
            kind: "service",
            id: key.to_string(),
            state: service.state(),
            command,
            accepts: service.accepts(),
        }
        .into())
    }

    pub(crate) async fn existing_service(&self, key: &ServiceKey) -> Result<Loaded<Service>, CommandError> {
        self.existing("service", key.to_string()).await
    }

    pub(crate) async fn release(&self, key: &ReleaseKey) -> Result<Loaded<Release>, CommandError> {
        let loaded = self.existing::<Release>("release", key.to_string()).await?;
        self.of_this_service(key, &loaded.state).await?;
        Ok(loaded)
    }

    /// Refuses a release of a service that is gone: one made anew under its name has none of its releases.
    pub(crate) async fn of_this_service(
        &self,
        key: &ReleaseKey,
        release: &Release,
    ) -> Result<(), CommandError> {
        let service = self.load::<Service>(&key.service.to_string()).await?.state;
        match release.is_of(service.incarnation) {
            true => Ok(()),
            false => Err(missing("release", key.to_string())),
        }
    }

    /// The aggregate, if anything ever happened to it.
    async fn existing<A: Aggregate + Clone + 'static>(
        &self,
        kind: &'static str,
        id: String,
    ) -> Result<Loaded<A>, CommandError> {
        let loaded = self.load::<A>(&id).await?;
        match loaded.version {
            0 => Err(missing(kind, id)),
            _ => Ok(loaded),
        }
    }

    /// The environment before, in the service's choice, and whether a release was deployed there; none for the first.
    pub(super) async fn came_from(
        &self,
        service: &Service,
        key: &EnvironmentKey,
        release: &ReleaseVersion,
    ) -> Result<Option<(Environment, bool)>, CommandError> {
        let before = self.predecessor(service, key).await?;
        Ok(before.map(|(environment, there)| (environment, there.has_run(release))))
    }

    /// The environment before, in the service's choice, as it is; none for the first.
    pub(super) async fn predecessor(
        &self,
        service: &Service,
        key: &EnvironmentKey,
    ) -> Result<Option<(Environment, Arc<ServiceEnvironment>)>, CommandError> {
        let chosen = service.environments.iter().flat_map(|all| all.iter());
        let Some(environment) = chosen.take_while(|e| *e != key.environment).last() else {
            return Ok(None);
        };
        let place = EnvironmentKey {
            service: key.service.clone(),
            environment,
        };
        let there = self.load::<ServiceEnvironment>(&place.to_string()).await?;
        Ok(Some((environment, there.state)))
    }
}

/// The release that the environment ran before what it runs now.
fn before(environment: &ServiceEnvironment) -> Result<ReleaseVersion, CommandError> {
    let earlier = environment.earlier();
    earlier.map(|d| d.release.clone()).ok_or_else(|| {
        let rule = "no release came to this environment before the one that it runs now: promote another one";
        DomainError::invalid("release", rule).into()
    })
}

fn missing(kind: &'static str, id: String) -> CommandError {
    DomainError::NotFound { kind, id }.into()
}
