//! The image pull secret of a namespace.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use opstella_domain::naming::SecretPath;
use opstella_domain::plan::PULL_SECRET;
use secrecy::ExposeSecret;
use serde_json::json;

use super::objects::Managed;
use super::place::Place;
use crate::{StepContext, StepError};

/// Name of the pull secret in each of our namespaces.
pub(super) const NAME: &str = PULL_SECRET;
const TYPE: &str = "kubernetes.io/dockerconfigjson";
const KEY: &str = ".dockerconfigjson";

impl Managed for Secret {
    const FIXED: &'static [&'static str] = &["/type"];
}

/// The secret by which the nodes pull from the registry, from the robot's credential as it is kept now: a new
/// credential is drift, and goes into the secret when the step runs again.
pub(super) async fn of(
    registry: &str,
    credential: &SecretPath,
    place: &Place<'_>,
    context: &StepContext,
) -> Result<Secret, StepError> {
    let missing = |what: &str| StepError::Permanent {
        message: format!(
            "Kubernetes: the secret `{place}` cannot be made: the secret store has no {what} at `{credential}`; retry \
             the step that makes it (harbor.robot) first"
        ),
    };
    let kept = context.secrets.read(credential).await?;
    let kept = kept.ok_or_else(|| missing("credential"))?;
    let field = |name: &str| {
        kept.get(name)
            .map(ExposeSecret::expose_secret)
            .ok_or_else(|| missing(&format!("field `{name}`")))
    };
    let (username, password) = (field("username")?, field("password")?);
    let auth = STANDARD.encode(format!("{username}:{password}"));
    let config = json!({
        "auths": { registry: { "username": username, "password": password, "auth": auth } }
    });
    Ok(Secret {
        type_: Some(TYPE.into()),
        data: Some(BTreeMap::from([(
            KEY.into(),
            ByteString(config.to_string().into_bytes()),
        )])),
        ..Secret::default()
    })
}
