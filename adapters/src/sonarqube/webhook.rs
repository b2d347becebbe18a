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
/// What follows the name of an adopted one, before the run that adopted it: SonarQube has no other place for a mark.
const ADOPTED: &str = " (opstella adopted run ";
/// Longest name of a webhook.
const LONGEST: usize = 100;

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

    /// Its own name, and the run that adopted it.
    fn adopted(&self) -> Option<(&str, RunId)> {
        let (name, run) = self.name.rsplit_once(ADOPTED)?;
        Some((name, run.strip_suffix(')')?.parse().ok()?))
    }

    fn is_ours(&self) -> bool {
        self.run().is_some() || self.adopted().is_some()
    }

    /// Its name once it is adopted; the end of a long one gives way.
    fn adopted_name(&self, run: RunId) -> String {
        let mark = format!("{ADOPTED}{run})");
        let theirs: String = self.name.chars().take(LONGEST - mark.len()).collect();
        format!("{theirs}{mark}")
    }

    /// Its name without our mark, which the removal takes off; none if there is nothing to take off.
    fn given_back(&self, context: &StepContext) -> Option<&str> {
        let (name, by) = self.adopted()?;
        (context.removal == Removal::Service || by == context.owner.run).then_some(name)
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
            Some(hook) if hook.adopted().is_some_and(|(_, by)| by == run) => {
                (hook.name.clone(), Provenance::Adopted)
            }
            Some(hook) if hook.is_ours() => (hook.name.clone(), Provenance::Existing),
            Some(hook) if context.adopt => (hook.adopted_name(run), Provenance::Adopted),
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
        if let Some(hook) = &hook
            && let Some(name) = hook.given_back(context)
        {
            let pairs = [
                ("webhook", hook.key.as_str()),
                ("name", name),
                ("url", hook.url.as_str()),
            ];
            self.change("webhooks/update", &pairs).await?;
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
