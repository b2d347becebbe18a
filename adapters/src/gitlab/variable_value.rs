//! The value of a CI variable: from the plan, or from Vault.

use opstella_domain::operation::{CiVariable, VariableValue};
use secrecy::SecretString;

use crate::{StepContext, StepError};

/// The value, and whether it is a secret.
pub(super) async fn of(
    variable: &CiVariable,
    context: &StepContext,
) -> Result<(SecretString, bool), StepError> {
    let (path, field) = match &variable.value {
        VariableValue::Plain(text) => return Ok((SecretString::from(text.clone()), false)),
        VariableValue::Secret { path, field } => (path, field),
    };
    let kept = context.secrets.read(path).await?;
    let value = kept.and_then(|mut fields| fields.remove(field));
    value.map(|value| (value, true)).ok_or_else(|| StepError::Permanent {
        message: format!(
            "the secret of the CI variable `{}` is not in Vault (`{path}`, field `{field}`); it was deleted meanwhile: \
             retry the step that makes it",
            variable.key
        ),
    })
}
