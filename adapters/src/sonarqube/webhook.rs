//! The webhook to Opstella.

use opstella_domain::RunId;
use opstella_domain::naming::{QualityKey, SecretPath};
use opstella_domain::resource::{Provenance, StepOutcome};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::{SonarQube, foreign};
use crate::http::segment;
use crate::{Removal, Removed, SecretFields, StepContext, StepError};

const KIND: &str = "webhook";
/// What the names of our webhooks start with; the run that made it follows.
const NAME: &str = "opstella";
const ADOPTED: &str = "opstella adopted";
/// Field of the kept secret: what signs.
const SECRET: &str = "secret";
/// Field of the kept secret: the run that made it.
const RUN: &str = "run";

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
        self.run().is_some() || self.name == NAME || self.name == ADOPTED
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
        let signing = signing_secret(secret, context).await?;
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
        if let Some(hook) = &hook {
            if !goes(hook.run()) {
                return Ok(Removed::Kept);
            }
            self.change_if_there("webhooks/delete", &[("webhook", &hook.key)])
                .await?
                .ok();
        }
        let kept = context.secrets.read(secret).await?;
        let secret_goes = kept.as_ref().is_some_and(|fields| goes(run_of(fields)));
        if secret_goes {
            context.secrets.delete(secret).await?;
        }
        Ok(if hook.is_some() || secret_goes {
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

/// What the webhook signs with: as kept, or made now and kept before it is used.
async fn signing_secret(path: &SecretPath, context: &StepContext) -> Result<SecretString, StepError> {
    let kept = context.secrets.read(path).await?;
    if let Some(secret) = kept.as_ref().and_then(|fields| fields.get(SECRET)) {
        return Ok(secret.clone());
    }
    let random: [u8; 32] = rand::rng().random();
    let secret = SecretString::from(hex::encode(random));
    let fields = SecretFields::from([
        (SECRET.to_owned(), secret.clone()),
        (RUN.to_owned(), SecretString::from(context.owner.run.to_string())),
    ]);
    context.secrets.write(path, fields, &context.owner).await?;
    Ok(secret)
}

fn run_of(kept: &SecretFields) -> Option<RunId> {
    kept.get(RUN)?.expose_secret().parse().ok()
}
