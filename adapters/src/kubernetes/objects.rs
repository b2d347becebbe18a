//! The calls about one object.

use std::fmt::Debug;

use kube::Resource;
use kube::api::{DeleteParams, GetParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::place::Place;
use super::refusal::Refusal;
use super::{Kubernetes, MANAGER, kind};
use crate::StepError;
use crate::http::Answer;

/// A kind of object that this adapter makes.
pub(super) trait Managed:
    Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug + Send + Sync
{
    /// The fields that cannot be changed once the object is there, as JSON pointers.
    const FIXED: &'static [&'static str] = &[];

    /// Takes over from what is there what is to stay although the object of ours does not have it.
    fn keep(&mut self, _found: &Self) {}
}

fn requests<K: Managed>(place: &Place<'_>) -> Request {
    Request::new(K::url_path(&(), place.namespace))
}

fn bytes(object: &impl Serialize) -> Result<Vec<u8>, StepError> {
    serde_json::to_vec(object).map_err(|error| StepError::Permanent {
        message: format!("Kubernetes: no JSON of the object: {error}"),
    })
}

/// The object in an answer. Every field of every kind is optional to the types, so that any JSON object would do.
fn object<K: Managed>(answer: &Answer, place: &Place<'_>) -> Result<K, StepError> {
    let object: K = answer.json()?;
    let meta = object.meta();
    if meta.name.as_deref() == Some(place.name) && meta.uid.is_some() {
        return Ok(object);
    }
    Err(StepError::Transient {
        message: format!(
            "Kubernetes: the answer about the {} `{place}` is about something else; something between us and the API \
             server may be answering: check the URL of the connection",
            kind::<K>()
        ),
        retry_after: None,
    })
}

impl Kubernetes {
    /// The object; none where it is not there, or its namespace is not.
    pub(super) async fn get<K: Managed>(&self, place: &Place<'_>) -> Result<Option<K>, StepError> {
        let request = requests::<K>(place).get(place.name, &GetParams::default());
        let answer = self.send(request).await?;
        if answer.status.is_success() {
            return object(&answer, place).map(Some);
        }
        match Refusal::of(&answer, &kind::<K>(), place) {
            Refusal::Absent => Ok(None),
            Refusal::Taken => Err(answer.refused()),
            Refusal::Other(error) => Err(error),
        }
    }

    /// Makes the object. False where one of this name is there.
    pub(super) async fn create<K: Managed>(&self, new: &K, place: &Place<'_>) -> Result<bool, StepError> {
        let params = PostParams {
            field_manager: Some(MANAGER.into()),
            ..PostParams::default()
        };
        let answer = self
            .send(requests::<K>(place).create(&params, bytes(new)?))
            .await?;
        if answer.status.is_success() {
            return object::<K>(&answer, place).map(|_| true);
        }
        match Refusal::of(&answer, &kind::<K>(), place) {
            Refusal::Taken => Ok(false),
            Refusal::Absent => Err(answer.refused()),
            Refusal::Other(error) => Err(error),
        }
    }

    /// Changes the object by a merge patch (RFC 7386).
    pub(super) async fn patch<K: Managed>(&self, patch: &Value, place: &Place<'_>) -> Result<(), StepError> {
        let params = PatchParams {
            field_manager: Some(MANAGER.into()),
            ..PatchParams::default()
        };
        let request = requests::<K>(place).patch(place.name, &params, &Patch::Merge(patch));
        let answer = self.send(request).await?;
        if answer.status.is_success() {
            return object::<K>(&answer, place).map(drop);
        }
        match Refusal::of(&answer, &kind::<K>(), place) {
            Refusal::Absent => Err(StepError::Transient {
                message: format!("Kubernetes: the {} `{place}` went away meanwhile", kind::<K>()),
                retry_after: None,
            }),
            Refusal::Taken => Err(answer.refused()),
            Refusal::Other(error) => Err(error),
        }
    }

    /// Deletes the object as it was found, not what may have taken its place. Gone already is success.
    pub(super) async fn delete<K: Managed>(&self, found: &K, place: &Place<'_>) -> Result<(), StepError> {
        let meta = found.meta();
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: meta.uid.clone(),
                resource_version: meta.resource_version.clone(),
            }),
            ..DeleteParams::background()
        };
        let answer = self
            .send(requests::<K>(place).delete(place.name, &params))
            .await?;
        if answer.status.is_success() {
            // The object, or a `Status`; but a page of something in between is no confirmation.
            return answer.json::<Value>().map(drop);
        }
        match Refusal::of(&answer, &kind::<K>(), place) {
            Refusal::Absent => Ok(()),
            Refusal::Taken => Err(answer.refused()),
            Refusal::Other(error) => Err(error),
        }
    }
}
