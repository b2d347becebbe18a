//! What all calls to Argo CD have in common.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ArgoCd;
use super::object::Object;
use crate::http::{Answer, segment};
use crate::{Health, Observed, StepError};

const PROJECTS: &str = "/api/v1/projects";
const APPLICATIONS: &str = "/api/v1/applications";

/// The repository is not tried when an application is written: it may be empty still, and how Argo CD signs in to it is
/// the matter of a credential template that an operator configures there once. A repository that cannot be read shows
/// as a condition of the application.
const WITHOUT_LOOK_INTO_REPOSITORY: (&str, &str) = ("validate", "false");

/// The repository is looked into, and only what changed is rendered anew.
const REFRESH: (&str, &str) = ("refresh", "normal");
/// Of the applications of a list, what runs and how it is: whole ones are a hundred times as large.
const WHAT_RUNS: (&str, &str) = (
    "fields",
    "items.metadata.name,items.status.sync.status,items.status.health,items.status.summary",
);
/// Argo CD's words for a second operation.
const IN_PROGRESS: &str = "another operation is already in progress";
/// And for the end of none.
const NONE_IN_PROGRESS: &str = "No operation is in progress";

/// A thing in Argo CD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// An AppProject.
    Project(&'a str),
    /// An Application, in an AppProject. Argo CD answers 403 about an absent one to whoever does not say in which.
    Application { name: &'a str, project: &'a str },
}

/// What became of writing something.
pub(super) enum Written {
    /// It is there now, like this.
    Done(Object),
    /// Not written: what is there is not what we think, or the tool does not take it. The answer tells.
    Refused(Answer),
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Version")]
    version: Option<String>,
}

#[derive(Deserialize)]
struct UserInfo {
    #[serde(default, rename = "loggedIn")]
    logged_in: bool,
}

#[derive(Deserialize)]
struct List {
    /// Go's nil slice: null where there are none.
    items: Option<Vec<Value>>,
}

impl<'a> Place<'a> {
    /// What it is called in messages.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Project(_) => "project",
            Self::Application { .. } => "application",
        }
    }

    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Project(name) | Self::Application { name, .. } => name,
        }
    }

    fn path(self) -> String {
        let collection = match self {
            Self::Project(_) => PROJECTS,
            Self::Application { .. } => APPLICATIONS,
        };
        format!("{collection}/{}", segment(self.name()))
    }

    /// The parameter that says in which project.
    fn within(self) -> Option<(&'static str, &'a str)> {
        match self {
            Self::Project(_) => None,
            Self::Application { project, .. } => Some(("project", project)),
        }
    }
}

/// The object of an answer. A page of something in between is no object.
fn object(answer: &Answer) -> Result<Object, StepError> {
    Ok(Object(Value::Object(answer.json()?)))
}

fn written(answer: Answer) -> Result<Written, StepError> {
    let refusals = [
        StatusCode::BAD_REQUEST,
        StatusCode::NOT_FOUND,
        StatusCode::CONFLICT,
    ];
    if refusals.contains(&answer.status) {
        return Ok(Written::Refused(answer));
    }
    object(&answer.success()?).map(Written::Done)
}

impl ArgoCd {
    /// What is there.
    pub(super) async fn read(&self, place: Place<'_>) -> Result<Option<Object>, StepError> {
        let within: Vec<_> = place.within().into_iter().collect();
        let answer = self.http.get(place.path()).query(&within).send().await?;
        answer.found()?.map(|answer| object(&answer)).transpose()
    }

    /// What is there after Argo CD has looked into the repository: without that it may not know the newest commit.
    pub(super) async fn refreshed(&self, place: Place<'_>) -> Result<Option<Object>, StepError> {
        let query: Vec<_> = place.within().into_iter().chain([REFRESH]).collect();
        let answer = self.http.get(place.path()).query(&query).send().await?;
        answer.found()?.map(|answer| object(&answer)).transpose()
    }

    /// Asks for a sync to a commit; without one, to the head of the repository. False: another operation is under way.
    pub(super) async fn ask_for_sync(
        &self,
        place: Place<'_>,
        prune: bool,
        revision: Option<&str>,
    ) -> Result<bool, StepError> {
        let mut body = json!({ "prune": prune });
        let revision = revision.map(|revision| ("revision", revision));
        if let Some(fields) = body.as_object_mut() {
            for (field, value) in place.within().into_iter().chain(revision) {
                fields.insert(field.to_owned(), json!(value));
            }
        }
        let path = format!("{}/sync", place.path());
        let answer = self.http.post(path).json(&body).send().await?;
        if answer.is(StatusCode::BAD_REQUEST) && answer.error_text().contains(IN_PROGRESS) {
            return Ok(false);
        }
        object(&answer.success()?).map(|_| true)
    }

    /// Ends the operation that is under way. One that has ended meanwhile needs that no more.
    pub(super) async fn terminate(&self, place: Place<'_>) -> Result<(), StepError> {
        let within: Vec<_> = place.within().into_iter().collect();
        let path = format!("{}/operation", place.path());
        let answer = self.http.delete(path).query(&within).send().await?;
        if answer.is(StatusCode::BAD_REQUEST) && answer.error_text().contains(NONE_IN_PROGRESS) {
            return Ok(());
        }
        answer.success()?.json::<Value>().map(|_| ())
    }

    /// An application of a name, in whatever project it is, as far as our account may see it.
    pub(super) async fn read_anywhere(&self, name: &str) -> Result<Option<Object>, StepError> {
        let path = format!("{APPLICATIONS}/{}", segment(name));
        let answer = self.http.get(path).send().await?;
        // An absent application is forbidden to whoever names no project, administrators too.
        if answer.is(StatusCode::FORBIDDEN) {
            return Ok(None);
        }
        answer.found()?.map(|answer| object(&answer)).transpose()
    }

    /// Creates what is not there. Argo CD takes the same object twice; a different one it refuses.
    pub(super) async fn create(&self, place: Place<'_>, new: &Value) -> Result<Written, StepError> {
        let call = match place {
            Place::Project(_) => self.http.post(PROJECTS).json(&json!({ "project": new })),
            Place::Application { .. } => self
                .http
                .post(APPLICATIONS)
                .query(&[WITHOUT_LOOK_INTO_REPOSITORY])
                .json(new),
        };
        written(call.send().await?)
    }

    /// Replaces what is there; it says by its `resourceVersion` what it was made from.
    pub(super) async fn update(&self, place: Place<'_>, changed: &Object) -> Result<Written, StepError> {
        let call = self.http.put(place.path());
        let call = match place {
            Place::Project(_) => call.json(&json!({ "project": changed.0 })),
            Place::Application { project, .. } => call
                .query(&[WITHOUT_LOOK_INTO_REPOSITORY, ("project", project)])
                .json(&changed.0),
        };
        written(call.send().await?)
    }

    /// Deletes it; an application's workloads with it. Argo CD may take a while over that. The inner error is that
    /// it could not, the answer tells why.
    pub(super) async fn delete(&self, place: Place<'_>) -> Result<Result<(), Answer>, StepError> {
        let mut query: Vec<_> = place.within().into_iter().collect();
        if matches!(place, Place::Application { .. }) {
            query.extend([("cascade", "true"), ("propagationPolicy", "foreground")]);
        }
        let answer = self.http.delete(place.path()).query(&query).send().await?;
        if answer.is(StatusCode::NOT_FOUND) || answer.is(StatusCode::BAD_REQUEST) {
            return Ok(Err(answer));
        }
        // A page of something in between is no confirmation.
        answer.success()?.json::<Value>()?;
        Ok(Ok(()))
    }

    /// Whether any application is in a project, as far as our account may see them.
    pub(super) async fn has_applications(&self, project: &str) -> Result<bool, StepError> {
        let call = self.http.get(APPLICATIONS).query(&[("projects", project)]);
        let list: List = call.send().await?.success()?.json()?;
        Ok(list.items.is_some_and(|items| !items.is_empty()))
    }

    /// What the applications of a project run, by their names, as Argo CD knows it without looking into the repository. It
    /// watches the cluster: what somebody changes there by hand shows.
    pub(super) async fn observe_all(&self, project: &str) -> Result<BTreeMap<String, Observed>, StepError> {
        let query = [("projects", project), WHAT_RUNS];
        let call = self.http.get(APPLICATIONS).query(&query);
        let list: List = call.send().await?.success()?.json()?;
        let items = list.items.into_iter().flatten().map(Object);
        Ok(items
            .map(|there| (there.text("/metadata/name").to_owned(), there.observed()))
            .collect())
    }

    pub(super) async fn check_health(&self) -> Result<Health, StepError> {
        let version: Version = self.http.get("/api/version").send().await?.success()?.json()?;
        let answer = self
            .http
            .get("/api/v1/session/userinfo")
            .send()
            .await?
            .success()?;
        if !answer.json::<UserInfo>()?.logged_in {
            return Err(StepError::Unauthorised {
                message: "Argo CD does not take our token: renew it".into(),
            });
        }
        Ok(Health {
            version: version.version,
        })
    }
}
