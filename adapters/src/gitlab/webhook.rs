//! The webhook of a repository to Opstella.

use opstella_domain::naming::{RepositoryPath, SecretPath};
use opstella_domain::resource::{Provenance, StepOutcome};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::repository::Repository;
use super::{GitLab, adopted, foreign, given_back, mark_of_service, may_go};
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError, webhook_secret};

const KIND: &str = "webhook";

#[derive(Deserialize)]
struct Hook {
    id: u64,
    url: String,
    description: Option<String>,
}

impl GitLab {
    /// The webhook that calls this URL, or one of ours that calls where Opstella was before.
    async fn webhook(
        &self,
        repository: &Repository,
        url: &str,
        context: &StepContext,
    ) -> Result<Option<Hook>, StepError> {
        let path = format!("{}/hooks", repository.path());
        let mut hooks: Vec<Hook> = self.list(&path, &[]).await?.unwrap_or_default();
        let ours = |hook: &Hook| mark_of_service(hook.description.as_deref(), context).is_some();
        let at = hooks
            .iter()
            .position(|hook| hook.url == url)
            .or_else(|| hooks.iter().position(ours));
        Ok(at.map(|at| hooks.swap_remove(at)))
    }

    pub(super) async fn ensure_webhook(
        &self,
        path: &RepositoryPath,
        url: &str,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let repository = self.container(path, context).await?;
        let there = self.webhook(&repository, url, context).await?;
        let name = format!("{path}: {url}");
        let described = there.as_ref().and_then(|hook| hook.description.as_deref());
        let (description, provenance) = match (&there, mark_of_service(described, context)) {
            (None, _) => (Mark::service(&context.owner).line(), Provenance::Created),
            (Some(_), Some(mark)) => (described.unwrap_or_default().to_owned(), mark.provenance(context)),
            (Some(_), None) if context.adopt => (
                adopted(described, Mark::service(&context.owner)),
                Provenance::Adopted,
            ),
            (Some(_), None) => return Err(foreign(KIND, &name, described, context)),
        };
        let token = webhook_secret::kept_or_new(secret, context).await?;
        let body = json!({
            "url": url, "token": token.expose_secret(), "name": "Opstella", "description": description,
            "push_events": true, "tag_push_events": true, "merge_requests_events": true, "pipeline_events": true,
            "deployment_events": true, "enable_ssl_verification": true,
        });
        let all = Self::path(&format!("{}/hooks", repository.path()));
        match there {
            None => self.change(self.http.post(all).json(&body)).await?,
            // Nobody can read back which token it sends: it is told again, whatever it was.
            Some(hook) => {
                self.change(self.http.put(format!("{all}/{}", hook.id)).json(&body))
                    .await?
            }
        }
        Ok(self.outcome(KIND, &name, &format!("{path}/-/hooks"), provenance))
    }

    pub(super) async fn remove_webhook(
        &self,
        path: &RepositoryPath,
        url: &str,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let (mut deleted, mut stays) = (false, false);
        if let Some(repository) = self.repository_to_undo(path, context).await?
            && let Some(hook) = self.webhook(&repository, url, context).await?
        {
            let one = format!("{}/hooks/{}", repository.path(), hook.id);
            let described = hook.description.as_deref();
            if mark_of_service(described, context).is_some_and(|mark| may_go(&mark, context)) {
                self.delete(&one, &[]).await?;
                deleted = true;
            } else {
                if let Some(description) = given_back(described, context) {
                    let body = json!({"url": hook.url, "description": description});
                    self.change(self.http.put(Self::path(&one)).json(&body)).await?;
                }
                stays = true;
            }
        }
        // The secret outlives its webhook where an answer was lost in between, and goes from one that stays.
        deleted |= webhook_secret::remove(secret, context).await?;
        Ok(if stays {
            Removed::Kept
        } else if deleted {
            Removed::Deleted
        } else {
            Removed::Absent
        })
    }
}
