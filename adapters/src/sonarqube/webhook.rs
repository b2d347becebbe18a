//! The webhook to Opstella.

use opstella_domain::RunId;
use opstella_domain::naming::{QualityKey, SecretPath};
use opstella_domain::operation::Owner;
use opstella_domain::resource::{Provenance, StepOutcome};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::{SonarQube, foreign, short};
use crate::http::segment;
use crate::{Removal, Removed, StepContext, StepError, webhook_secret};

const KIND: &str = "webhook";
/// What a mark begins with.
const OPSTELLA: &str = "opstella ";
/// What precedes the mark in the name of an adopted one.
const ADOPTED: &str = " (opstella ";
/// Longest name of a webhook.
const LONGEST: usize = 100;

/// The mark of an owner's webhooks, before the run: `opstella 1a2b3c4d run `. It is the name of one that a run made, and
/// follows, in brackets, that of an adopted one: SonarQube has no other place for it.
fn mark(owner: &Owner) -> String {
    format!("{OPSTELLA}{} run ", short(owner.installation))
}

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
    /// The run of the owner's installation that made it.
    fn run(&self, owner: &Owner) -> Option<RunId> {
        self.name.strip_prefix(&mark(owner))?.parse().ok()
    }

    /// Its own name, and the run of the owner's installation that adopted it.
    fn adopted(&self, owner: &Owner) -> Option<(&str, RunId)> {
        let (name, run) = self.name.rsplit_once(&format!(" ({}", mark(owner)))?;
        Some((name, run.strip_suffix(')')?.parse().ok()?))
    }

    fn is_ours(&self, owner: &Owner) -> bool {
        self.run(owner).is_some() || self.adopted(owner).is_some()
    }

    /// Its name once it is adopted: the mark of another installation goes, and the end of a long one gives way.
    fn adopted_name(&self, owner: &Owner) -> String {
        let mark = format!(" ({}{})", mark(owner), owner.run);
        let theirs = match self.name.rsplit_once(ADOPTED) {
            Some((theirs, _)) => theirs,
            None => &self.name,
        };
        let theirs: String = theirs.chars().take(LONGEST - mark.len()).collect();
        format!("{theirs}{mark}")
    }

    /// Its name without our mark, which the removal takes off; none if there is nothing to take off.
    fn given_back(&self, context: &StepContext) -> Option<&str> {
        let (name, by) = self.adopted(&context.owner)?;
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
        let owner = &context.owner;
        let there = self.webhook(key, url, owner).await?.unwrap_or_default();
        let (name, provenance) = match &there {
            None => (format!("{}{}", mark(owner), owner.run), Provenance::Created),
            Some(hook) if hook.run(owner) == Some(owner.run) => (hook.name.clone(), Provenance::Created),
            Some(hook) if hook.adopted(owner).is_some_and(|(_, by)| by == owner.run) => {
                (hook.name.clone(), Provenance::Adopted)
            }
            Some(hook) if hook.is_ours(owner) => (hook.name.clone(), Provenance::Existing),
            Some(hook) if context.adopt => (hook.adopted_name(owner), Provenance::Adopted),
            // The shortened id of another installation tells nobody which one it is.
            Some(_) => return Err(foreign(KIND, &format!("{key}: {url}"), None)),
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
        let hook = self.webhook(key, url, &context.owner).await?.flatten();
        let stays = hook.as_ref().is_some_and(|hook| !goes(hook.run(&context.owner)));
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
    async fn webhook(
        &self,
        key: &QualityKey,
        url: &str,
        owner: &Owner,
    ) -> Result<Option<Option<Webhook>>, StepError> {
        let found: Option<Webhooks> = self.ask("webhooks/list", &[("project", key.as_str())]).await?;
        Ok(found.map(|found| {
            let mut hooks = found.webhooks;
            let at = hooks
                .iter()
                .position(|hook| hook.url == url)
                .or_else(|| hooks.iter().position(|hook| hook.is_ours(owner)));
            at.map(|at| hooks.swap_remove(at))
        }))
    }
}
