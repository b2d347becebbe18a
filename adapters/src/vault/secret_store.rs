//! Vault as the store of generated credentials.

use async_trait::async_trait;
use opstella_domain::naming::SecretPath;
use opstella_domain::operation::Owner;

use super::kv::Metadata;
use super::{Vault, kv_mark};
use crate::mark;
use crate::{SecretFields, SecretStore, SecretVersion, StepError};

#[async_trait]
impl SecretStore for Vault {
    async fn read(&self, path: &SecretPath) -> Result<Option<SecretFields>, StepError> {
        self.kv_read(path.as_str()).await
    }

    async fn version(&self, path: &SecretPath, owner: &Owner) -> Result<SecretVersion, StepError> {
        match self.kv_metadata(path.as_str()).await? {
            Some(there) if kv_mark::is_of_service(&there.custom(), owner) => {
                Ok(SecretVersion(there.current_version))
            }
            Some(there) => Err(self.somebody_elses(path, &there, owner)),
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
            Some(there) if kv_mark::is_of_service(&there.custom(), owner) => {}
            Some(there) => return Err(self.somebody_elses(path, there, owner)),
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

    /// Anything that is not the owner's was never written by us and stays.
    async fn delete(&self, path: &SecretPath, owner: &Owner) -> Result<bool, StepError> {
        match self.kv_metadata(path.as_str()).await? {
            Some(there) if kv_mark::is_of_service(&there.custom(), owner) => {
                self.kv_delete(path.as_str()).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl Vault {
    fn somebody_elses(&self, path: &SecretPath, there: &Metadata, owner: &Owner) -> StepError {
        let whose = mark::whose(kv_mark::of_another(&there.custom(), owner));
        let name = self.kv_name(path);
        StepError::Permanent {
            message: format!(
                "Vault: the secret `{name}` is there already{whose}; remove it: credentials are generated anew, also \
                 on adoption"
            ),
        }
    }
}
