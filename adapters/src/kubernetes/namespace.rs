//! The namespace of an environment.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use opstella_domain::Environment;

use super::marks;
use super::objects::Managed;

/// Pod Security admission: pods run without root, host access and added capabilities, or not at all.
const POD_SECURITY: (&str, &str) = ("pod-security.kubernetes.io/enforce", "restricted");

impl Managed for Namespace {}

/// The namespace of this environment.
pub(super) fn of(environment: Environment) -> Namespace {
    let labels = [(marks::ENVIRONMENT, environment.slug()), POD_SECURITY];
    Namespace {
        metadata: ObjectMeta {
            labels: Some(BTreeMap::from(labels.map(|(k, v)| (k.to_owned(), v.to_owned())))),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}
