//! What all calls to GitLab have in common.

use std::time::Duration;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::GitLab;
use crate::http::{Answer, Call};
use crate::{Health, StepError};

/// Entries of a page: the most that GitLab gives.
const PER_PAGE: &str = "100";
/// Most pages of a list.
const MAX_PAGES: u32 = 100;
/// Pauses between looks at something that GitLab deletes in the background: 10 s in all.
const DELETING: [u64; 8] = [50, 100, 250, 600, 1000, 2000, 3000, 3000];

#[derive(Deserialize)]
struct Version {
    version: String,
}

/// What came of an attempt to create something.
pub(super) enum Creation<T> {
    /// It is there now.
    Made(T),
    /// The name is taken: somebody was faster, or it was never visible to us.
    Taken(StepError),
}

impl GitLab {
    pub(super) fn path(path: &str) -> String {
        format!("/api/v4/{path}")
    }

    /// Reads one thing; none where it is not there.
    pub(super) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StepError> {
        let answer = self.http.get(Self::path(path)).send().await?;
        answer.found()?.map(|answer| answer.json()).transpose()
    }

    /// Reads a whole list; none where what holds it is not there.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<Vec<T>>, StepError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let page = page.to_string();
            let call = self.http.get(Self::path(path)).query(query);
            let answer = call
                .query(&[("per_page", PER_PAGE), ("page", &page)])
                .send()
                .await?;
            let Some(answer) = answer.found()? else {
                return Ok(None);
            };
            let entries: Vec<T> = answer.json()?;
            all.extend(entries);
            let next = answer
                .headers
                .get("x-next-page")
                .and_then(|next| next.to_str().ok());
            if next.is_none_or(str::is_empty) {
                return Ok(Some(all));
            }
        }
        Err(StepError::Permanent {
            message: format!("GitLab: the list {path} has more than {MAX_PAGES} pages"),
        })
    }

    /// Creates something.
    pub(super) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Creation<T>, StepError> {
        let answer = self.http.post(Self::path(path)).json(body).send().await?;
        let taken = answer.is(StatusCode::CONFLICT)
            || (answer.is(StatusCode::BAD_REQUEST) && answer.error_text().contains("already"));
        if taken {
            return Ok(Creation::Taken(answer.refused()));
        }
        Ok(Creation::Made(answer.success()?.json()?))
    }

    /// Changes something that is answered with JSON.
    pub(super) async fn change(&self, call: Call) -> Result<(), StepError> {
        // A page of something in between is no confirmation.
        call.send().await?.success()?.json::<Value>().map(drop)
    }

    /// Deletes something; whether it was there.
    pub(super) async fn delete(&self, path: &str, query: &[(&str, &str)]) -> Result<bool, StepError> {
        Self::deleted(self.http.delete(Self::path(path)).query(query).send().await?)
    }

    /// Whether what was to be deleted was there.
    pub(super) fn deleted(answer: Answer) -> Result<bool, StepError> {
        let Some(answer) = answer.found()? else {
            return Ok(false);
        };
        if !answer.body.is_empty() {
            answer.json::<Value>()?;
        }
        Ok(true)
    }

    /// Waits until something that GitLab deletes in the background is gone, or as good as: `gone` looks at it.
    pub(super) async fn until_gone<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        gone: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, StepError> {
        for pause in DELETING {
            match self.find::<T>(path).await? {
                Some(there) if !gone(&there) => tokio::time::sleep(Duration::from_millis(pause)).await,
                found => return Ok(found),
            }
        }
        Err(StepError::Transient {
            message: format!("GitLab: {what} is still being deleted"),
            retry_after: None,
        })
    }

    pub(super) async fn check_health(&self) -> Result<Health, StepError> {
        let answer = self.http.get(Self::path("version")).send().await?.success()?;
        let version: Version = answer.json()?;
        Ok(Health {
            version: Some(version.version),
        })
    }
}
