//! Vault as the store of generated credentials.

use async_trait::async_trait;
use opstella_domain::naming::SecretPath;
use opstella_domain::operation::Owner;

use super::{Vault, foreign, kv_mark};
use crate::{SecretFields, SecretStore, SecretVersion, StepError};

#[async_trait]
impl SecretStore for Vault {
    async fn read(&self, path: &SecretPath) -> Result<Option<SecretFields>, StepError> {
        self.kv_read(path.as_str()).await
    }

    async fn version(&self, path: &SecretPath, owner: &Owner) -> Result<SecretVersion, StepError> {
        match self.kv_metadata(path.as_str()).await? {
            Some(there) if kv_mark::is_of_service(&there.custom(), &owner.service) => {
                Ok(SecretVersion(there.current_version))
            }
            Some(_) => Err(foreign("secret", &self.kv_name(path))),
            None => Ok(SecretVersion::default()),
        }
    }

    /// The mark first, then the data: after a crash in between the path reads as empty, and the next try writes it.
    async fn write(
        &self,
        path: &SecretPath,
        fields: SecretFields,
        owner: &Owner,
        on: SecretVersion,
    ) -> Result<(), StepError> {
        let entry = path.as_str();
        let found = self.kv_metadata(entry).await?;
        match &found {
            Some(there) if kv_mark::is_of_service(&there.custom(), &owner.service) => {}
            Some(_) => return Err(foreign("secret", &self.kv_name(path))),
            None => self.kv_describe(entry, &kv_mark::of(owner)).await?,
        }
        if self.kv_write(entry, on.0, &fields).await? {
            return Ok(());
        }
        Err(StepError::Transient {
            message: format!(
                "Vault: the secret `{}` was written by somebody else at the same moment",
                self.kv_name(path)
            ),
            retry_after: None,
        })
    }

    /// Deletes what an Opstella keeps at the path; anything else there was never written by us and stays.
    async fn delete(&self, path: &SecretPath) -> Result<(), StepError> {
        match self.kv_metadata(path.as_str()).await? {
            Some(there) if kv_mark::is_managed(&there.custom()) => self.kv_delete(path.as_str()).await,
            _ => Ok(()),
        }
    }
}
