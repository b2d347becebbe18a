//! Which environment a promotion is of, while it is not over.

use opstella_domain::promotion::{EnvironmentKey, PromotionId, ServiceEnvironment};
use opstella_domain::{DomainError, Environment, ServiceKey};

use super::PromotionRef;
use crate::anew::anew;
use crate::{CommandError, Commands};

impl Commands {
    /// The promotion of that id among those of the service that are not over.
    ///
    /// # Errors
    /// [`CommandError`]; `NotFound` where there is none.
    pub async fn find_promotion(
        &self,
        service: &ServiceKey,
        id: PromotionId,
    ) -> Result<PromotionRef, CommandError> {
        if let Some(found) = self.look_for(service, id).await? {
            return Ok(found);
        }
        // Another process may just have taken it.
        let found = anew(self.look_for(service, id)).await?;
        found.ok_or_else(|| {
            DomainError::NotFound {
                kind: "open promotion",
                id: id.to_string(),
            }
            .into()
        })
    }

    async fn look_for(
        &self,
        service: &ServiceKey,
        id: PromotionId,
    ) -> Result<Option<PromotionRef>, CommandError> {
        for environment in Environment::all() {
            let key = EnvironmentKey {
                service: service.clone(),
                environment,
            };
            let loaded = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            if loaded.state.promotion(id).is_some() {
                return Ok(Some(PromotionRef { key, id }));
            }
        }
        Ok(None)
    }
}
