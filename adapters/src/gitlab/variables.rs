//! CI variables of a repository. Each carries the mark in its description.

use opstella_domain::naming::RepositoryPath;
use opstella_domain::operation::CiVariable;
use opstella_domain::resource::{Provenance, StepOutcome};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Creation;
use super::{GitLab, adopted, foreign, given_back, mark_of_service, may_go, variable_value};
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

const KIND: &str = "CI variable";
/// The scope of a variable for all environments.
const EVERYWHERE: &str = "*";
/// Longest description of a variable, in characters.
const LONGEST: usize = 255;

#[derive(Deserialize)]
struct Variable {
    key: String,
    /// Absent where it is hidden.
    value: Option<SecretString>,
    description: Option<String>,
    environment_scope: String,
    #[serde(default)]
    masked: bool,
    #[serde(default)]
    protected: bool,
    #[serde(default)]
    raw: bool,
}

/// A variable as it is to be.
struct Wanted<'a> {
    key: &'a str,
    value: SecretString,
    secret: bool,
}

impl Wanted<'_> {
    fn fits(&self, there: &Variable) -> bool {
        let same = there
            .value
            .as_ref()
            .is_some_and(|v| v.expose_secret() == self.value.expose_secret());
        same && there.raw && there.masked == self.secret && there.protected == self.secret
    }

    fn body(&self, description: &str) -> Value {
        json!({
            "key": self.key, "value": self.value.expose_secret(), "description": description,
            "environment_scope": EVERYWHERE,
            // A secret is hidden in job logs, and given to jobs of the default branch only: not to what anybody may
            // propose in a merge request.
            "masked": self.secret, "protected": self.secret,
            // As it is: the name of a Harbor robot holds a `$`.
            "raw": true,
        })
    }
}

impl GitLab {
    pub(super) async fn ensure_variables(
        &self,
        path: &RepositoryPath,
        variables: &[CiVariable],
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let repository = self.container(path, context).await?;
        let all = format!("{}/variables", repository.path());
        let there = self.variables(&all).await?.unwrap_or_default();
        let find = |key: &str| there.iter().find(|there| there.key == key);
        // What cannot be had stops the step before anything is changed.
        let mut planned = Vec::new();
        for variable in variables {
            let one = find(&variable.key);
            let ours = |one: &Variable| mark_of_service(one.description.as_deref(), context).is_some();
            if let Some(theirs) = one.filter(|one| !context.adopt && !ours(one)) {
                let name = format!("{path}: {}", variable.key);
                return Err(foreign(KIND, &name, theirs.description.as_deref(), context));
            }
            let (value, secret) = variable_value::of(variable, context).await?;
            let key = variable.key.as_str();
            planned.push((Wanted { key, value, secret }, one));
        }
        let mut overall = Provenance::Existing;
        for (wanted, one) in &planned {
            let done = self.ensure_variable(path, &all, wanted, *one, context).await;
            match (done.map_err(|error| about(error, path, wanted.key))?, overall) {
                (Provenance::Created, _) => overall = Provenance::Created,
                (Provenance::Adopted, Provenance::Existing) => overall = Provenance::Adopted,
                _ => {}
            }
        }
        let page = format!("{path}/-/settings/ci_cd");
        Ok(self.outcome("CI variables", path.as_str(), &page, overall))
    }

    async fn ensure_variable(
        &self,
        path: &RepositoryPath,
        all: &str,
        wanted: &Wanted<'_>,
        there: Option<&Variable>,
        context: &StepContext,
    ) -> Result<Provenance, StepError> {
        let mark = Mark::service(&context.owner);
        let Some(there) = there else {
            return match self.create::<Value>(all, &wanted.body(&mark.line())).await? {
                Creation::Made(_) => Ok(Provenance::Created),
                Creation::Taken(_) => Err(StepError::Transient {
                    message: format!(
                        "GitLab: the {KIND} `{}` of `{path}` was made by somebody else at the same moment",
                        wanted.key
                    ),
                    retry_after: None,
                }),
            };
        };
        let described = there.description.as_deref();
        let (description, provenance) = match mark_of_service(described, context) {
            Some(mark) => (described.unwrap_or_default().to_owned(), mark.provenance(context)),
            None => {
                let line = mark.clone().adopted().line();
                let with_theirs =
                    Some(adopted(described, mark)).filter(|text| text.chars().count() <= LONGEST);
                (with_theirs.unwrap_or(line), Provenance::Adopted)
            }
        };
        if !wanted.fits(there) || described != Some(&description) {
            let one = format!("{all}/{}?filter[environment_scope]={EVERYWHERE}", wanted.key);
            let call = self.http.put(Self::path(&one));
            self.change(call.json(&wanted.body(&description))).await?;
        }
        Ok(provenance)
    }

    /// The variables for all environments; none where there is no such repository.
    async fn variables(&self, all: &str) -> Result<Option<Vec<Variable>>, StepError> {
        let found: Option<Vec<Variable>> = self.list(all, &[]).await?;
        Ok(found.map(|found| {
            found
                .into_iter()
                .filter(|v| v.environment_scope == EVERYWHERE)
                .collect()
        }))
    }

    pub(super) async fn remove_variables(
        &self,
        path: &RepositoryPath,
        variables: &[CiVariable],
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(repository) = self.repository_to_undo(path, context).await? else {
            return Ok(Removed::Absent);
        };
        let all = format!("{}/variables", repository.path());
        let mut result = Removed::Absent;
        for there in self.variables(&all).await?.unwrap_or_default() {
            if !variables.iter().any(|wanted| wanted.key == there.key) {
                continue;
            }
            let mark = mark_of_service(there.description.as_deref(), context);
            if mark.is_some_and(|mark| may_go(&mark, context)) {
                let scope = [("filter[environment_scope]", EVERYWHERE)];
                self.delete(&format!("{all}/{}", there.key), &scope).await?;
                result = Removed::Deleted;
                continue;
            }
            if let Some(description) = given_back(there.description.as_deref(), context) {
                let one = format!("{all}/{}?filter[environment_scope]={EVERYWHERE}", there.key);
                // GitLab asks for the value with every change.
                let value = there.value.as_ref().map(ExposeSecret::expose_secret);
                let body = json!({"value": value, "description": description});
                self.change(self.http.put(Self::path(&one)).json(&body)).await?;
            }
            if result == Removed::Absent {
                result = Removed::Kept;
            }
        }
        Ok(result)
    }
}

/// A refusal that says which variable it is about: GitLab's own words do not.
fn about(error: StepError, path: &RepositoryPath, key: &str) -> StepError {
    match error {
        StepError::Permanent { message } => StepError::Permanent {
            message: format!("{message} (the {KIND} `{key}` of `{path}`)"),
        },
        other => other,
    }
}
