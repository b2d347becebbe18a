//! The KV path of an environment.

use opstella_domain::naming::SecretPath;
use opstella_domain::resource::{Provenance, StepOutcome};

use super::{Vault, foreign, kv_mark};
use crate::{Removal, Removed, SecretFields, StepContext, StepError};

const KIND: &str = "secret path";

impl Vault {
    pub(super) async fn ensure_secret_path(
        &self,
        path: &SecretPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let entry = path.as_str();
        let found = self.kv_metadata(entry).await?;
        let provenance = match &found {
            None => {
                // The mark first: whatever breaks after it, the next try finds an entry of ours.
                self.kv_describe(entry, &kv_mark::of(&context.owner)).await?;
                Provenance::Created
            }
            Some(there) if kv_mark::is_of_service(&there.custom(), &context.owner) => {
                kv_mark::maker(&there.custom()).provenance(context)
            }
            Some(there) if context.adopt => {
                self.kv_describe(entry, &kv_mark::adopted(&there.custom(), &context.owner))
                    .await?;
                Provenance::Adopted
            }
            Some(there) => {
                let another = kv_mark::of_another(&there.custom(), &context.owner);
                return Err(foreign(KIND, &self.kv_name(path), another));
            }
        };
        if found.is_none_or(|there| there.current_version == 0) {
            // Pods that read the path before the team wrote to it find an empty secret, not a 404. If a version came
            // in between, it is the better one.
            self.kv_write(entry, 0, &SecretFields::new()).await?;
        }
        Ok(self.outcome(KIND, &self.kv_name(path), Some(self.kv_page(path)), provenance))
    }

    pub(super) async fn remove_secret_path(
        &self,
        path: &SecretPath,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(there) = self.kv_metadata(path.as_str()).await? else {
            return Ok(Removed::Absent);
        };
        let custom = there.custom();
        if !kv_mark::is_of_service(&custom, &context.owner) {
            return Ok(Removed::Kept);
        }
        let maker = kv_mark::maker(&custom);
        if !maker.goes(context) {
            if maker.comes_off(context) {
                self.kv_describe(path.as_str(), &kv_mark::given_back(&custom))
                    .await?;
            }
            return Ok(Removed::Kept);
        }
        if context.removal == Removal::Service {
            self.delete_below(path.as_str()).await?;
        }
        self.kv_delete(path.as_str()).await?;
        Ok(Removed::Deleted)
    }

    /// Deletes what the team put below a path. The path itself goes after it: as long as it is there, its mark says
    /// that there may be more to delete.
    async fn delete_below(&self, path: &str) -> Result<(), StepError> {
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            for name in self.kv_list(&folder).await? {
                match name.strip_suffix('/') {
                    Some(inner) => folders.push(format!("{folder}/{inner}")),
                    None => self.kv_delete(&format!("{folder}/{name}")).await?,
                }
            }
        }
        Ok(())
    }
}
