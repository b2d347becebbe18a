//! The secret that a tool signs its webhooks to Opstella with.

use opstella_domain::RunId;
use opstella_domain::naming::SecretPath;
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};

use crate::{Removal, SecretFields, SecretStore, StepContext, StepError};

/// Field of the kept secret: what signs.
const SECRET: &str = "secret";
/// Field of the kept secret: the run that made it.
const RUN: &str = "run";

/// The secret as kept; none where there is none to check a signature with.
///
/// # Errors
/// [`StepError`] of the secret store.
pub async fn kept(path: &SecretPath, secrets: &dyn SecretStore) -> Result<Option<SecretString>, StepError> {
    let secret = secrets
        .read(path)
        .await?
        .and_then(|mut fields| fields.remove(SECRET));
    // An empty one would let everybody sign.
    Ok(secret.filter(|secret| !secret.expose_secret().is_empty()))
}

/// The secret as kept, or made now and kept before it is used.
///
/// # Errors
/// [`StepError`] of the secret store.
pub(crate) async fn kept_or_new(path: &SecretPath, context: &StepContext) -> Result<SecretString, StepError> {
    let version = context.secrets.version(path, &context.owner).await?;
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
    context
        .secrets
        .write(path, fields, &context.owner, version)
        .await?;
    Ok(secret)
}

/// Deletes the secret, as far as the removal may; whether there was one to delete.
///
/// # Errors
/// [`StepError`] of the secret store.
pub(crate) async fn remove(path: &SecretPath, context: &StepContext) -> Result<bool, StepError> {
    let Some(kept) = context.secrets.read(path).await? else {
        return Ok(false);
    };
    let made_by: Option<RunId> = kept.get(RUN).and_then(|run| run.expose_secret().parse().ok());
    let goes = match context.removal {
        Removal::ThisRun => made_by == Some(context.owner.run),
        Removal::Service => made_by.is_some(),
    };
    Ok(goes && context.secrets.delete(path, &context.owner).await?)
}
