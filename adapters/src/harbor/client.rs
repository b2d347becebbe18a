//! What all calls to Harbor have in common.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Harbor;
use crate::http::{Answer, Call};
use crate::{Health, StepError};

/// Where the API starts, below the base URL.
const API: &str = "/api/v2.0";
/// Most items of a list that Harbor gives at once.
const PAGE: usize = 100;
/// Most pages of a list.
const MAX_PAGES: u32 = 100;

/// Parameters of a call.
pub(super) type Pairs<'a> = [(&'a str, &'a str)];

#[derive(Deserialize)]
struct SystemInfo {
    harbor_version: Option<String>,
}

#[derive(Deserialize)]
struct Me {
    user_id: i64,
}

/// A path of the API.
pub(super) fn api(path: &str) -> String {
    format!("{API}{path}")
}

/// Whether something was changed that is answered by nothing or JSON. A page of something in between is no
/// confirmation.
pub(super) fn confirmed(answer: &Answer) -> Result<(), StepError> {
    if answer.body.is_empty() {
        return Ok(());
    }
    answer.json::<Value>().map(|_| ())
}

/// Sends a call that makes something. False: it is there already.
pub(super) async fn make(call: Call) -> Result<bool, StepError> {
    let answer = call.send().await?;
    if answer.is(StatusCode::CONFLICT) {
        return Ok(false);
    }
    confirmed(&answer.success()?).map(|()| true)
}

/// Sends a call that changes something.
pub(super) async fn change(call: Call) -> Result<(), StepError> {
    confirmed(&call.send().await?.success()?)
}

/// Sends a call that deletes something. False: it was gone already.
pub(super) async fn delete(call: Call) -> Result<bool, StepError> {
    match call.send().await?.found()? {
        Some(answer) => confirmed(&answer).map(|()| true),
        None => Ok(false),
    }
}

impl Harbor {
    /// A whole list, page by page, from a path of the API ([`api`]).
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        pairs: &Pairs<'_>,
    ) -> Result<Vec<T>, StepError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let (page, size) = (page.to_string(), PAGE.to_string());
            let call = self.http.get(path).query(pairs);
            let call = call.query(&[("page", &page), ("page_size", &size)]);
            let items: Vec<T> = call.send().await?.success()?.json()?;
            let last = items.len() < PAGE;
            all.extend(items);
            if last {
                return Ok(all);
            }
        }
        Err(StepError::Permanent {
            message: format!("Harbor: the list {path} has more than {MAX_PAGES} pages"),
        })
    }

    /// The id of our account; none if it is a robot account, which Harbor tells nothing of itself.
    pub(super) async fn own_id(&self) -> Result<Option<i64>, StepError> {
        let answer = self.http.get(api("/users/current")).send().await?;
        if answer.is(StatusCode::PRECONDITION_FAILED) {
            return Ok(None);
        }
        Ok(Some(answer.success()?.json::<Me>()?.user_id))
    }

    /// Harbor takes a wrong password for no password where that suffices: only the account's own page tells.
    pub(super) async fn check_health(&self) -> Result<Health, StepError> {
        let info: SystemInfo = self
            .http
            .get(api("/systeminfo"))
            .send()
            .await?
            .success()?
            .json()?;
        self.own_id().await?;
        Ok(Health {
            version: info.harbor_version,
        })
    }
}
