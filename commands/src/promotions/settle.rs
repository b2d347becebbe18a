//! From what the environment decided to what follows: gates looked at, and the run planned where it starts.
//!
//! The append expects the version of the environment, and of the run. Of what gates looked at, it expects none: the journal
//! knows versions of the streams that it appends to only. What is appended to a policy, a release or an image in the
//! milliseconds between that look and this append is seen by the next look, before anything is changed ([`super::recheck`]).

use std::collections::BTreeMap;
use std::future::Future;

use chrono::Utc;
use opstella_domain::plan::{CarriedImage, SagaKind, plan_promote};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentEvent, EnvironmentKey, Health, Promotion, PromotionId, ServiceEnvironment,
};
use opstella_domain::release::Digest;
use opstella_domain::run::{Run, RunCommand};
use opstella_domain::service::Lifecycle;
use opstella_domain::{ComponentName, Decide, RunId};
use opstella_journal::{Loaded, StreamAppend};
use uuid::Uuid;

use crate::anew::anew;
use crate::unit::Decision;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// What follows from what the environment decided.
pub(crate) struct Settled {
    /// What else happens to the environment.
    pub events: Vec<EnvironmentEvent>,
    /// The run that starts.
    pub run: Option<(RunId, StreamAppend)>,
}

impl Settled {
    fn nothing() -> Self {
        Self {
            events: vec![],
            run: None,
        }
    }
}

/// Whether a deployment is among what happens.
pub(super) fn starts(events: &[EnvironmentEvent]) -> bool {
    let starts = |event: &EnvironmentEvent| matches!(event, EnvironmentEvent::DeploymentStarted { .. });
    events.iter().any(starts)
}

fn ends(event: &EnvironmentEvent) -> bool {
    matches!(
        event,
        EnvironmentEvent::PromotionRejected { .. } | EnvironmentEvent::PromotionCancelled { .. }
    )
}

impl Commands {
    /// Carries out a command on an environment; where it leaves a promotion in flight that nothing is in the way of,
    /// its run starts in the same append.
    pub(super) async fn move_promotion<D, F>(
        &self,
        name: &'static str,
        context: &CommandContext,
        key: &EnvironmentKey,
        promotion: PromotionId,
        command: D,
    ) -> Result<Accepted, CommandError>
    where
        D: Fn(Loaded<ServiceEnvironment>) -> F,
        F: Future<Output = Result<EnvironmentCommand, CommandError>>,
    {
        let command = &command;
        // What gates look at comes from the table: another process may just have made a policy stricter.
        let decide = || {
            anew(async move {
                let environment = self
                    .load_expected::<ServiceEnvironment>(&key.to_string(), context)
                    .await?;
                let events = environment.state.decide(command(environment.clone()).await?)?;
                self.with_consequences(key, &environment, events, promotion).await
            })
        };
        self.carry_out(name, context, Some(&key.service.project), decide)
            .await
    }

    /// Looks at the gates of the promotion in flight again: after new evidence, another policy, time.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn reevaluate(
        &self,
        context: &CommandContext,
        key: &EnvironmentKey,
    ) -> Result<(), CommandError> {
        let decide = || async move {
            let environment = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            let promotion = environment.state.in_flight.as_ref().map(|p| p.id);
            let promotion = promotion.unwrap_or(PromotionId(Uuid::nil()));
            self.with_consequences(key, &environment, vec![], promotion).await
        };
        // Anew as a whole: where nothing has changed, it is not decided a second time.
        anew(self.carry_out("EvaluateGates", context, Some(&key.service.project), decide)).await?;
        Ok(())
    }

    async fn with_consequences(
        &self,
        key: &EnvironmentKey,
        environment: &Loaded<ServiceEnvironment>,
        mut events: Vec<EnvironmentEvent>,
        promotion: PromotionId,
    ) -> Result<Decision, CommandError> {
        let mut after = (*environment.state).clone();
        events.iter().cloned().for_each(|event| after.evolve(event));
        let settled = match self.settle(key, &after).await {
            // That one promotion is over does not depend on the gates of the next: the promoter looks at those again.
            Err(CommandError::Unavailable { what, .. }) if events.iter().any(ends) => {
                tracing::warn!(environment = %key, what, "the gates of the next promotion were not looked at");
                Settled::nothing()
            }
            settled => settled?,
        };
        events.extend(settled.events);
        let stream = StreamAppend::of(environment, events)?;
        let resource = format!(
            "/projects/{}/services/{}/promotions/{promotion}",
            key.service.project, key.service.service
        );
        let mut answer = Accepted::new(resource, stream.version_after());
        let mut streams = vec![stream];
        if let Some((run, stream)) = settled.run {
            answer = answer.with_run(run);
            streams.push(stream);
        }
        Ok(Decision { streams, answer })
    }

    /// Looks at the gates of the promotion in flight, and plans its run where they are open.
    pub(crate) async fn settle(
        &self,
        key: &EnvironmentKey,
        environment: &ServiceEnvironment,
    ) -> Result<Settled, CommandError> {
        let waiting = environment.in_flight.as_ref().filter(|p| p.run.is_none());
        let Some(promotion) = waiting else {
            return Ok(Settled::nothing());
        };
        // Of a service that is on its way out nothing is deployed any more.
        if self.existing_service(&key.service).await?.state.lifecycle != Lifecycle::Active {
            return Ok(Settled::nothing());
        }
        let run = RunId(Uuid::now_v7());
        let events = self.evaluated(key, environment, promotion, run).await?;
        if !starts(&events) {
            return Ok(Settled { events, run: None });
        }
        let images = self.carried(&promotion.images, environment);
        let targets = self.targets().await?;
        let plan = plan_promote(
            &key.service,
            key.environment,
            &promotion.release,
            &images,
            &targets,
        )?;
        let planned = RunCommand::Plan {
            run,
            saga: SagaKind::Promote,
            service: key.service.clone(),
            adopt: false,
            at: Utc::now(),
            environment: Some(key.environment),
            plan,
        };
        let fresh = Loaded::<Run>::absent(run.to_string());
        let stream = StreamAppend::of(&fresh, fresh.state.decide(planned)?)?;
        Ok(Settled {
            events,
            run: Some((run, stream)),
        })
    }

    /// Looks at the gates of a promotion, and lets its environment decide: whether it [starts], as this run.
    pub(super) async fn evaluated(
        &self,
        key: &EnvironmentKey,
        environment: &ServiceEnvironment,
        promotion: &Promotion,
        run: RunId,
    ) -> Result<Vec<EnvironmentEvent>, CommandError> {
        let evaluation = self.look_at_gates(key, promotion).await?;
        let members = self
            .members_among_approvers(&key.service.project, promotion)
            .await?;
        let service = self.existing_service(&key.service).await?.state;
        Ok(environment.decide(EnvironmentCommand::Evaluate {
            promotion: promotion.id,
            evaluation: Box::new(evaluation),
            members,
            came_from: self.came_from(&service, key, &promotion.release).await?,
            run,
            at: Utc::now(),
        })?)
    }

    pub(super) fn carried(
        &self,
        images: &BTreeMap<ComponentName, Digest>,
        environment: &ServiceEnvironment,
    ) -> Vec<CarriedImage> {
        let running = environment.images();
        let current = environment.current.as_ref();
        let was_ill = current.is_some_and(|current| current.health == Health::Degraded);
        let carried = |(component, digest): (&ComponentName, &Digest)| CarriedImage {
            component: component.clone(),
            digest: digest.clone(),
            previous: running.get(component).cloned(),
            was_ill,
        };
        images.iter().map(carried).collect()
    }
}
