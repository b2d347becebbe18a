//! An environment of a repository.

use opstella_domain::Environment;
use opstella_domain::naming::RepositoryPath;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Creation;
use super::repository::Repository;
use super::{GitLab, adopted, foreign, given_back, mark_of_service, may_go};
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

const KIND: &str = "environment";

#[derive(Debug, Deserialize)]
struct DeployEnvironment {
    id: u64,
    description: Option<String>,
    state: Option<String>,
    tier: Option<String>,
}

/// GitLab's deployment tiers (<https://docs.gitlab.com/ci/environments/#deployment-tier-of-environments>).
fn tier(environment: Environment) -> &'static str {
    match environment {
        Environment::Dev => "development",
        Environment::Sit => "testing",
        Environment::Uat | Environment::Pre => "staging",
        Environment::Prd => "production",
    }
}

impl GitLab {
    async fn environment(
        &self,
        repository: &Repository,
        environment: Environment,
    ) -> Result<Option<DeployEnvironment>, StepError> {
        let path = format!("{}/environments?name={}", repository.path(), environment.slug());
        let found: Option<Vec<DeployEnvironment>> = self.find(&path).await?;
        Ok(found.and_then(|mut found| found.pop()))
    }

    pub(super) async fn ensure_environment(
        &self,
        path: &RepositoryPath,
        environment: Environment,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let repository = self.container(path, context).await?;
        let provenance = match self.environment(&repository, environment).await? {
            Some(there) => {
                self.take_environment(&repository, &there, environment, context)
                    .await?
            }
            None => {
                let body = json!({
                    "name": environment.slug(), "tier": tier(environment),
                    "description": Mark::service(&context.owner).line(),
                });
                let all = format!("{}/environments", repository.path());
                match self.create::<Value>(&all, &body).await? {
                    Creation::Made(_) => Provenance::Created,
                    Creation::Taken(refusal) => match self.environment(&repository, environment).await? {
                        Some(there) => {
                            self.take_environment(&repository, &there, environment, context)
                                .await?
                        }
                        None => return Err(refusal),
                    },
                }
            }
        };
        let name = format!("{path}: {}", environment.slug());
        Ok(self.outcome(KIND, &name, &format!("{path}/-/environments"), provenance))
    }

    async fn take_environment(
        &self,
        repository: &Repository,
        there: &DeployEnvironment,
        environment: Environment,
        context: &StepContext,
    ) -> Result<Provenance, StepError> {
        let one = format!("{}/environments/{}", repository.path(), there.id);
        if let Some(mark) = mark_of_service(there.description.as_deref(), context) {
            let wanted = tier(environment);
            if mark.run.is_some() && there.tier.as_deref().is_some_and(|tier| tier != wanted) {
                let call = self.http.put(Self::path(&one));
                self.change(call.json(&json!({"tier": wanted}))).await?;
            }
            return Ok(mark.provenance(context));
        }
        // A job that names an environment makes it: in a repository of ours that is ours as well.
        let marked = there.description.as_deref().and_then(Mark::find).is_some();
        if !marked && repository.mark(context).is_some_and(|mark| mark.run.is_some()) {
            return Ok(Provenance::Existing);
        }
        if !context.adopt {
            let name = format!("{}: {}", repository.path_with_namespace, environment.slug());
            return Err(foreign(KIND, &name, there.description.as_deref(), context));
        }
        let description = adopted(there.description.as_deref(), Mark::service(&context.owner));
        let call = self.http.put(Self::path(&one));
        self.change(call.json(&json!({"description": description})))
            .await?;
        Ok(Provenance::Adopted)
    }

    pub(super) async fn remove_environment(
        &self,
        path: &RepositoryPath,
        environment: Environment,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(repository) = self.repository_to_undo(path, context).await? else {
            return Ok(Removed::Absent);
        };
        let Some(there) = self.environment(&repository, environment).await? else {
            return Ok(Removed::Absent);
        };
        let one = format!("{}/environments/{}", repository.path(), there.id);
        let mark = mark_of_service(there.description.as_deref(), context);
        if !mark.is_some_and(|mark| may_go(&mark, context)) {
            if let Some(description) = given_back(there.description.as_deref(), context) {
                let call = self.http.put(Self::path(&one));
                self.change(call.json(&json!({"description": description})))
                    .await?;
            }
            return Ok(Removed::Kept);
        }
        // Only a stopped one can be deleted; `force` skips the jobs that stopping would start.
        if there.state.as_deref() != Some("stopped") {
            let call = self.http.post(Self::path(&format!("{one}/stop")));
            self.change(call.json(&json!({"force": true}))).await?;
        }
        let deleted = self.delete(&one, &[]).await?;
        Ok(if deleted {
            Removed::Deleted
        } else {
            Removed::Absent
        })
    }
}
