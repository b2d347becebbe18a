//! `opstella rollback`.

use clap::Args;
use opstella_domain::release::ReleaseVersion;
use opstella_domain::{Environment, ServiceKey};
use serde_json::json;

use super::path;
use super::promote::{self, Waiting};
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::values::set;

/// Asks for an environment to go back to a release that it ran before. Its gates are lighter.
#[derive(Debug, Args)]
pub struct Rollback {
    /// Which service: project/service.
    service: ServiceKey,
    /// Which environment.
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Environment,
    /// To which release; to the one before what runs now, if none is named.
    #[arg(long, value_name = "VERSION")]
    to: Option<ReleaseVersion>,
    /// The change of the company's change management that it belongs to.
    #[arg(long, value_name = "CHANGE")]
    change: Option<String>,
    /// Wait in the queue where another promotion is in flight, instead of being refused.
    #[arg(long)]
    queue: bool,
    #[command(flatten)]
    waiting: Waiting,
}

/// Rolls back.
pub(crate) async fn run(context: &Context, what: Rollback) -> Result<Answer, ClientError> {
    let api = context.api()?;
    let mut body = json!({"environment": what.env});
    if let Some(version) = &what.to {
        set(&mut body, "release", version.to_string());
    }
    if let Some(change) = &what.change {
        set(&mut body, "change_reference", change.as_str());
    }
    if what.queue {
        set(&mut body, "when_busy", "queue");
    }
    let path = format!("{}/promotions:rollback", path::service(&what.service));
    let answer = promote::ask(&api, &path, &body).await?;
    promote::finish(context, &api, answer, &what.waiting).await
}
