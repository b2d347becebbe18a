//! Carries orders out, in this process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opstella_domain::InstallationId;
use opstella_domain::operation::Owner;
use opstella_domain::run::FailureClass;
use tokio::time::timeout;
use tracing::Instrument;

use super::{Action, StepOrder, StepReport};
use crate::{Removal, Removed, StepContext, StepError, Toolbox};

/// Carries orders out, wherever that is. An implementation may lose an order or a report; it must not carry one out
/// after its engine gave it up, unless doing it twice changes nothing: operations are made so.
#[async_trait]
pub trait StepExecutor: Send + Sync {
    /// Carries one order out, within its timeout.
    async fn execute(&self, order: StepOrder) -> StepReport;
}

/// Carries orders out in this process, by the adapters of a [`Toolbox`].
pub struct InProcess {
    toolbox: Arc<dyn Toolbox>,
    installation: InstallationId,
    step_timeout: Duration,
}

impl InProcess {
    /// Carries orders out by these adapters, marked as this installation's; each try within the timeout.
    pub fn new(toolbox: Arc<dyn Toolbox>, installation: InstallationId, step_timeout: Duration) -> Self {
        Self {
            toolbox,
            installation,
            step_timeout,
        }
    }

    async fn carry_out(&self, order: &StepOrder) -> Result<StepReport, StepError> {
        let adapter = self.toolbox.adapter(&order.connection).await?;
        let context = StepContext {
            owner: Owner {
                installation: self.installation,
                service: order.service.clone(),
                run: order.run,
            },
            adopt: order.adopt,
            retried: order.retried,
            commit: order.commit.clone(),
            run_started: order.run_started,
            removal: if order.action == Action::Remove {
                Removal::Service
            } else {
                Removal::ThisRun
            },
            secrets: self.toolbox.secrets(&order.connection.name).await?,
            templates: self.toolbox.templates(),
        };
        match order.action {
            Action::Ensure => {
                let outcome = adapter.ensure(&order.operation, &context).await?;
                Ok(StepReport::Ensured { outcome })
            }
            Action::Remove | Action::Compensate => {
                let removed = adapter.remove(&order.operation, &context).await?;
                Ok(StepReport::Removed {
                    deleted: removed == Removed::Deleted,
                })
            }
        }
    }
}

#[async_trait]
impl StepExecutor for InProcess {
    async fn execute(&self, order: StepOrder) -> StepReport {
        let span = tracing::info_span!(
            "step", run = %order.run, step = %order.step, attempt = order.attempt,
            action = ?order.action, tool = %order.connection.tool
        );
        let work = timeout(self.step_timeout, self.carry_out(&order)).instrument(span);
        match work.await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => failed(error),
            Err(_) => failed(StepError::Transient {
                message: format!(
                    "{} did not finish within {} s; it may have done the work: the next try looks first",
                    order.connection.tool,
                    self.step_timeout.as_secs_f64()
                ),
                retry_after: None,
            }),
        }
    }
}

fn failed(error: StepError) -> StepReport {
    let message = error.to_string();
    let (class, retry_after) = match error {
        StepError::Awaited { look_in, .. } => {
            let look_in_ms = u64::try_from(look_in.as_millis()).unwrap_or(u64::MAX);
            return StepReport::Awaited { message, look_in_ms };
        }
        StepError::Transient { retry_after, .. } => (FailureClass::Transient, retry_after),
        StepError::Permanent { .. } => (FailureClass::Permanent, None),
        StepError::Unauthorised { .. } => (FailureClass::Unauthorised, None),
    };
    let retry_after_ms = retry_after.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    StepReport::Failed {
        class,
        message,
        retry_after_ms,
    }
}
