//! How a promotion is named on the command line, and found.

use std::fmt;
use std::str::FromStr;

use opstella_domain::{InvalidValue, ServiceKey};
use uuid::Uuid;

use super::super::path::{self, BASE};
use crate::error::ClientError;
use crate::http::Api;
use crate::values::word_at;

/// How many promotions are looked through for an id.
const SEARCHED: usize = 2000;

/// A promotion as somebody named it: `project/service/id`, a path of the API, or an id alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromotionName {
    service: Option<ServiceKey>,
    id: Uuid,
}

/// A promotion and its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its service.
    pub service: ServiceKey,
    /// Its id.
    pub id: Uuid,
}

impl Found {
    /// Its path.
    pub fn path(&self) -> String {
        format!("{}/promotions/{}", path::service(&self.service), self.id)
    }

    /// Its name on the command line.
    pub fn name(&self) -> String {
        format!("{}/{}", self.service, self.id)
    }
}

impl fmt::Display for PromotionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{service}/{}", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

impl FromStr for PromotionName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || {
            "written as project/service/id, as `opstella promotions list` shows it, or an id alone".to_owned()
        };
        let invalid = |error: InvalidValue| error.to_string();
        let short = text.strip_prefix(BASE).unwrap_or(text).trim_matches('/');
        let parts: Vec<&str> = short.split('/').collect();
        let (service, id) = match parts.as_slice() {
            [id] => (None, id),
            [project, service, id] | ["projects", project, "services", service, "promotions", id] => {
                let key = ServiceKey {
                    project: project.parse().map_err(invalid)?,
                    service: service.parse().map_err(invalid)?,
                };
                (Some(key), id)
            }
            _ => return Err(rule()),
        };
        Ok(Self {
            service,
            id: id.parse().map_err(|_| rule())?,
        })
    }
}

impl PromotionName {
    /// Finds its service: among the open ones first, then among the newest.
    pub async fn find(self, api: &Api) -> Result<Found, ClientError> {
        let id = self.id;
        if let Some(service) = self.service {
            return Ok(Found { service, id });
        }
        let wanted = id.to_string();
        for query in ["?open=true", ""] {
            let promotions = api.list(&format!("{BASE}/promotions{query}"), SEARCHED).await?;
            let named = promotions.iter().find(|one| word_at(one, "/id") == wanted);
            let key = named.map(|one| format!("{}/{}", word_at(one, "/project"), word_at(one, "/service")));
            if let Some(service) = key.and_then(|key| key.parse().ok()) {
                return Ok(Found { service, id });
            }
        }
        Err(ClientError::Usage(format!(
            "promotion {id} is not among the newest that you can see: name it as project/service/{id}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_has_three_names() {
        const ID: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
        let full: PromotionName = format!("payments/checkout/{ID}").parse().unwrap();
        let path = format!("/api/v1/projects/payments/services/checkout/promotions/{ID}");
        assert_eq!(path.parse(), Ok(full.clone()));
        assert_eq!(ID.parse::<PromotionName>().map(|name| name.service), Ok(None));
        assert_eq!(full.service.unwrap().to_string(), "payments/checkout");
        for wrong in ["", "x", "payments/checkout", "a/b/c/d", "Payments/checkout/1"] {
            assert!(wrong.parse::<PromotionName>().is_err(), "{wrong}");
        }
    }
}
