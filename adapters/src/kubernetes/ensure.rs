//! Making an object be there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde_json::{Value, json};

use super::drift::{covers, differs, patch};
use super::objects::Managed;
use super::place::Place;
use super::{Kubernetes, TOOL, kind, marks, outcome};
use crate::mark::foreign;
use crate::{StepContext, StepError};

/// How often an object is looked for that is there when we make it and is not when we look.
const LOOKS: usize = 3;

/// Metadata of an object of ours before it has its marks.
pub(super) fn meta(place: &Place<'_>) -> ObjectMeta {
    ObjectMeta {
        namespace: place.namespace.map(str::to_owned),
        name: Some(place.name.to_owned()),
        ..ObjectMeta::default()
    }
}

fn value(object: &impl serde::Serialize) -> Result<Value, StepError> {
    serde_json::to_value(object).map_err(|error| StepError::Permanent {
        message: format!("Kubernetes: no JSON of the object: {error}"),
    })
}

impl Kubernetes {
    /// Makes the object be there as it should be.
    pub(super) async fn ensure_object<K: Managed>(
        &self,
        mut wanted: K,
        place: &Place<'_>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        *wanted.meta_mut() = ObjectMeta {
            labels: wanted.meta().labels.clone(),
            ..meta(place)
        };
        marks::own(wanted.meta_mut(), &context.owner);
        for _ in 0..LOOKS {
            let provenance = match self.get::<K>(place).await? {
                Some(found) => self.bring_up_to_date(&found, wanted, place, context).await?,
                None => {
                    let mut new = wanted.clone();
                    marks::made(new.meta_mut(), &context.owner);
                    if !self.create(&new, place).await? {
                        continue;
                    }
                    Provenance::Created
                }
            };
            return Ok(outcome(&kind::<K>(), place, provenance));
        }
        Err(StepError::Transient {
            message: format!("Kubernetes: the {} `{place}` comes and goes", kind::<K>()),
            retry_after: None,
        })
    }

    async fn bring_up_to_date<K: Managed>(
        &self,
        found: &K,
        mut wanted: K,
        place: &Place<'_>,
        context: &StepContext,
    ) -> Result<Provenance, StepError> {
        if found.meta().deletion_timestamp.is_some() {
            return Err(being_deleted(&kind::<K>(), place));
        }
        let mark = marks::ours(found.meta(), context);
        let provenance = match &mark {
            Some(mark) => mark.provenance(context),
            None if context.adopt => Provenance::Adopted,
            None => {
                let another = marks::of(found.meta()).and_then(|mark| mark.of_another(&context.owner));
                return Err(foreign(TOOL, &kind::<K>(), &place.to_string(), another));
            }
        };
        wanted.keep(found);
        let (there, target) = (value(found)?, value(&wanted)?);
        if let Some(field) = differs(&there, &target, K::FIXED) {
            if mark.is_none() {
                return Err(cannot_adopt(&kind::<K>(), place, field));
            }
            self.replace(found, wanted, place).await?;
            return Ok(provenance);
        }
        if covers(&there, &target) && mark.is_some() {
            return Ok(provenance);
        }
        let mut change = patch(&there, &target);
        // What was looked at is changed, not what somebody else made of it since.
        set(
            &mut change,
            "resourceVersion",
            json!(found.meta().resource_version),
        );
        if mark.is_none() {
            let marks = json!({ marks::ADOPTED: context.owner.run.to_string(), marks::RUN: null });
            set(&mut change, "annotations", marks);
        }
        self.patch::<K>(&change, place).await?;
        Ok(provenance)
    }

    /// Deletes an object of ours and makes it anew, since it cannot be changed. If we stop in between, the next
    /// attempt makes it as its own.
    async fn replace<K: Managed>(&self, found: &K, mut new: K, place: &Place<'_>) -> Result<(), StepError> {
        marks::inherit(new.meta_mut(), found.meta());
        self.delete(found, place).await?;
        if self.create(&new, place).await? {
            return Ok(());
        }
        Err(being_deleted(&kind::<K>(), place))
    }
}

fn set(patch: &mut Value, field: &str, value: Value) {
    if let Some(meta) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.insert(field.to_owned(), value);
    }
}

/// An object that is there no longer, and not yet gone.
pub(super) fn being_deleted(kind: &str, place: &Place<'_>) -> StepError {
    StepError::Transient {
        message: format!(
            "Kubernetes: the {kind} `{place}` is still being deleted; if it stays so, look at its finalizers \
             (kubectl get -o yaml) and at what is left in it"
        ),
        retry_after: None,
    }
}

fn cannot_adopt(kind: &str, place: &Place<'_>, field: &str) -> StepError {
    StepError::Permanent {
        message: format!(
            "Kubernetes: the {kind} `{place}` cannot be adopted: its `{}` is not what it has to be and cannot be \
             changed; delete it, so that it is made anew",
            field.trim_start_matches('/')
        ),
    }
}
