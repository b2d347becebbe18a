//! The kept credential of the robot account.

use opstella_domain::RunId;
use opstella_domain::naming::SecretPath;
use secrecy::{ExposeSecret, SecretString};

use super::ownership::goes;
use crate::{SecretFields, SecretVersion, StepContext, StepError};

/// Field: who signs in, in Harbor's full spelling.
const USERNAME: &str = "username";
/// Field: the generated secret.
const PASSWORD: &str = "password";
/// Field: the run that had it generated.
const RUN: &str = "run";

/// Keeps a secret that Harbor has just told, on top of the version that was kept before it was asked.
pub(super) async fn keep(
    path: &SecretPath,
    username: &str,
    password: SecretString,
    context: &StepContext,
    on: SecretVersion,
) -> Result<(), StepError> {
    let fields = SecretFields::from([
        (USERNAME.to_owned(), SecretString::from(username)),
        (PASSWORD.to_owned(), password),
        (RUN.to_owned(), SecretString::from(context.owner.run.to_string())),
    ]);
    context.secrets.write(path, fields, &context.owner, on).await
}

/// Whether the secret of this robot account is kept.
pub(super) async fn is_kept(
    path: &SecretPath,
    username: &str,
    context: &StepContext,
) -> Result<bool, StepError> {
    let kept = context.secrets.read(path).await?;
    Ok(kept.is_some_and(|fields| {
        let there = |field| fields.get(field).map(ExposeSecret::expose_secret);
        there(USERNAME) == Some(username) && there(PASSWORD).is_some_and(|password| !password.is_empty())
    }))
}

/// Forgets what a run kept that the removal may undo. True: there was such a secret.
pub(super) async fn forget(path: &SecretPath, context: &StepContext) -> Result<bool, StepError> {
    let kept = context.secrets.read(path).await?;
    let run = kept.as_ref().and_then(run_of);
    if !run.is_some_and(|run| goes(run, context)) {
        return Ok(false);
    }
    context.secrets.delete(path, &context.owner).await
}

fn run_of(kept: &SecretFields) -> Option<RunId> {
    kept.get(RUN)?.expose_secret().parse().ok()
}
