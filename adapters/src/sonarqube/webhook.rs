//! The webhook to Opstella.

use opstella_domain::RunId;
use opstella_domain::naming::{QualityKey, SecretPath};
use opstella_domain::resource::{Provenance, StepOutcome};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::{SonarQube, foreign};
use crate::http::segment;
use crate::{Removal, Removed, StepContext, StepError, webhook_secret};

const KIND: &str = "webhook";
/// What the names of our webhooks start with; the run that made it follows.
const NAME: &str = "opstella";
const ADOPTED: &str = "opstella adopted";

#[derive(Deserialize)]
struct Webhooks {
    webhooks: Vec<Webhook>,
}

#[derive(Deserialize)]
struct Webhook {
    key: String,
    name: String,
    url: String,
}

impl Webhook {
    fn run(&self) -> Option<RunId> {
        self.name
            .strip_prefix(NAME)?
            .trim_start()
            .strip_prefix("run ")?
            .parse()
            .ok()
    }

    fn is_ours(&self) -> bool {
        self.run().is_some() || self.name == ADOPTED
    }
}

impl SonarQube {
    pub(super) async fn ensure_webhook(
        &self,
        key: &QualityKey,
        url: &str,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        self.container(key, context).await?;
        let there = self.webhook(key, url).await?.unwrap_or_default();
        let run = context.owner.run;
        let (name, provenance) = match &there {
            None => (format!("{NAME} run {run}"), Provenance::Created),
            Some(hook) if hook.run() == Some(run) => (hook.name.clone(), Provenance::Created),
            Some(hook) if hook.name == ADOPTED && context.adopt => (hook.name.clone(), Provenance::Adopted),
            Some(hook) if hook.is_ours() => (hook.name.clone(), Provenance::Existing),
            Some(_) if context.adopt => (ADOPTED.to_owned(), Provenance::Adopted),
            Some(_) => return Err(foreign(KIND, &format!("{key}: {url}"))),
        };
        let signing = webhook_secret::kept_or_new(secret, context).await?;
        let signing = signing.expose_secret();
        match there {
            None => {
                let pairs = [
                    ("name", name.as_str()),
                    ("project", key.as_str()),
                    ("url", url),
                    ("secret", signing),
                ];
                self.make::<Value>("webhooks/create", &pairs).await?;
            }
            // Nobody can read back which secret it signs with: it is told again, whatever it was.
            Some(hook) => {
                let pairs = [
                    ("webhook", hook.key.as_str()),
                    ("name", &name),
                    ("url", url),
                    ("secret", signing),
                ];
                self.change("webhooks/update", &pairs).await?;
            }
        }
        let page = format!("project/webhooks?id={}", segment(key.as_str()));
        Ok(self.outcome(KIND, &format!("{key}: {url}"), &page, provenance))
    }

    pub(super) async fn remove_webhook(
        &self,
        key: &QualityKey,
        url: &str,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let goes = |run: Option<RunId>| match context.removal {
            Removal::ThisRun => run == Some(context.owner.run),
            Removal::Service => run.is_some(),
        };
        let hook = self.webhook(key, url).await?.flatten();
        let stays = hook.as_ref().is_some_and(|hook| !goes(hook.run()));
        if let Some(hook) = hook.as_ref().filter(|_| !stays) {
            self.change_if_there("webhooks/delete", &[("webhook", &hook.key)])
                .await?
                .ok();
        }
        // The run's secret goes from a webhook that stays as well.
        let secret_goes = webhook_secret::remove(secret, context).await?;
        Ok(if stays {
            Removed::Kept
        } else if hook.is_some() || secret_goes {
            Removed::Deleted
        } else {
            Removed::Absent
        })
    }

    /// The webhook of a project that calls this URL, or one of ours that calls where Opstella was before. The outer
    /// none: there is no such project.
    async fn webhook(&self, key: &QualityKey, url: &str) -> Result<Option<Option<Webhook>>, StepError> {
        let found: Option<Webhooks> = self.ask("webhooks/list", &[("project", key.as_str())]).await?;
        Ok(found.map(|found| {
            let mut hooks = found.webhooks;
            let at = hooks
                .iter()
                .position(|hook| hook.url == url)
                .or_else(|| hooks.iter().position(Webhook::is_ours));
            at.map(|at| hooks.swap_remove(at))
        }))
    }
}
