//! Look, then create or bring up to date: the same for projects and applications.

use opstella_domain::Tool;
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use serde_json::Value;

use super::client::{Place, Written};
use super::merge::merge;
use super::object::{Object, Ownership};
use super::{ArgoCd, transient};
use crate::http::Answer;
use crate::mark::{self, Mark};
use crate::{StepContext, StepError};

/// How often somebody else may get in between looking and writing before the step is left to a later attempt.
const ROUNDS: usize = 4;

/// A resource as an operation wants it.
pub(super) struct Wanted<'a> {
    pub place: Place<'a>,
    /// What ours bears.
    pub mark: Mark,
    /// What is created where nothing is.
    pub new: Value,
    /// What one of ours must have.
    pub ours: Value,
    /// What one that we adopt must have so that the service can work with it.
    pub adopted: Value,
    /// Takes away what contradicts.
    pub tidy: fn(&mut Object, &Ownership),
}

impl ArgoCd {
    pub(super) async fn ensure_wanted(
        &self,
        wanted: &Wanted<'_>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        for _ in 0..ROUNDS {
            let there = match self.read(wanted.place).await? {
                Some(there) => there,
                None => self.create_wanted(wanted).await?,
            };
            if let Some(outcome) = self.settle(wanted, there, context).await? {
                return Ok(outcome);
            }
        }
        let (kind, name) = (wanted.place.kind(), wanted.place.name());
        Err(transient(format!(
            "Argo CD: the {kind} `{name}` is being changed by somebody else"
        )))
    }

    /// Creates it. If somebody else was faster, what they made: for a project, another service's run.
    async fn create_wanted(&self, wanted: &Wanted<'_>) -> Result<Object, StepError> {
        match self.create(wanted.place, &wanted.new).await? {
            Written::Done(made) => Ok(made),
            Written::Refused(answer) => match self.read(wanted.place).await? {
                Some(there) => Ok(there),
                None => Err(self.why_refused(wanted.place, &answer).await?),
            },
        }
    }

    /// Brings what is there up to date, if it is ours; none if somebody else changed it meanwhile.
    async fn settle(
        &self,
        wanted: &Wanted<'_>,
        there: Object,
        context: &StepContext,
    ) -> Result<Option<StepOutcome>, StepError> {
        let ownership = there.ownership(&wanted.mark);
        let provenance = ownership
            .provenance(context)
            .ok_or_else(|| foreign(wanted.place, &ownership))?;
        if there.is_being_deleted() {
            return Err(still_being_deleted(wanted.place));
        }
        let mut up_to_date = there.clone();
        up_to_date.mark(&wanted.mark, &ownership);
        (wanted.tidy)(&mut up_to_date, &ownership);
        let must_have = match ownership {
            Ownership::Ours(_) => &wanted.ours,
            Ownership::Adopted(_) | Ownership::Foreign(_) => &wanted.adopted,
        };
        merge(&mut up_to_date.0, must_have);
        if up_to_date != there {
            match self.update(wanted.place, &up_to_date).await? {
                Written::Done(_) => {}
                Written::Refused(answer) if answer.is(http::StatusCode::BAD_REQUEST) => {
                    return Err(self.why_refused(wanted.place, &answer).await?);
                }
                Written::Refused(_) => return Ok(None),
            }
        }
        Ok(Some(self.outcome(wanted.place, &there, provenance)))
    }

    /// Takes our marks off something adopted, as far as the removal may; the rest of it stays as it is.
    pub(super) async fn give_back(
        &self,
        place: Place<'_>,
        mut there: Object,
        ownership: &Ownership,
        context: &StepContext,
    ) -> Result<(), StepError> {
        match ownership {
            Ownership::Adopted(mark) if mark.comes_off(context) => {}
            _ => return Ok(()),
        }
        there.unmark();
        match self.update(place, &there).await? {
            Written::Refused(answer) if answer.is(http::StatusCode::BAD_REQUEST) => Err(answer.refused()),
            Written::Refused(answer) if answer.is(http::StatusCode::CONFLICT) => Err(transient(format!(
                "Argo CD: the {} `{}` is being changed by somebody else",
                place.kind(),
                place.name()
            ))),
            Written::Done(_) | Written::Refused(_) => Ok(()),
        }
    }

    /// What Argo CD means by a refusal: it tells little where it fears to tell too much.
    async fn why_refused(&self, place: Place<'_>, answer: &Answer) -> Result<StepError, StepError> {
        let Place::Application { name, project } = place else {
            return Ok(answer.refused());
        };
        if self.read(Place::Project(project)).await?.is_none() {
            // The next try makes it again.
            return Ok(transient(format!(
                "Argo CD: there is no project `{project}` for the application `{name}`: it was deleted meanwhile, by a \
                 run that unwinds or by hand"
            )));
        }
        Ok(match self.read_anywhere(name).await? {
            Some(there) if there.text("/spec/project") != project => StepError::Permanent {
                message: format!(
                    "Argo CD: the application `{name}` is there already, in the project `{}` instead of `{project}`; \
                     remove or rename it, or move it",
                    there.text("/spec/project")
                ),
            },
            _ => answer.refused(),
        })
    }

    /// What a step reports.
    pub(super) fn outcome(&self, place: Place<'_>, there: &Object, provenance: Provenance) -> StepOutcome {
        let name = place.name();
        let page = match (place, there.text("/metadata/namespace")) {
            (Place::Project(_), _) => format!("settings/projects/{name}"),
            (Place::Application { .. }, "") => format!("applications/argocd/{name}"),
            (Place::Application { .. }, namespace) => format!("applications/{namespace}/{name}"),
        };
        StepOutcome {
            resource: ExternalResource {
                tool: Tool::ArgoCd,
                kind: place.kind().to_owned(),
                name: name.to_owned(),
                url: Some(format!("{}/{page}", self.http.base())),
            },
            provenance,
            commit: None,
        }
    }
}

/// The refusal of what is there and not ours.
pub(super) fn foreign(place: Place<'_>, ownership: &Ownership) -> StepError {
    let another = match ownership {
        Ownership::Foreign(another) => *another,
        Ownership::Ours(_) | Ownership::Adopted(_) => None,
    };
    mark::foreign("Argo CD", place.kind(), place.name(), another)
}

/// The deletion of something takes its time.
pub(super) fn still_being_deleted(place: Place<'_>) -> StepError {
    let (kind, name) = (place.kind(), place.name());
    transient(format!(
        "Argo CD: the {kind} `{name}` is still being deleted; if it stays so, look at what holds its finalizer"
    ))
}
