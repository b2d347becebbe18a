//! What all calls to SonarQube have in common.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::SonarQube;
use crate::{Health, StepError};

/// Parameters of a call.
pub(super) type Pairs<'a> = [(&'a str, &'a str)];

#[derive(Deserialize)]
struct Status {
    version: Option<String>,
    status: String,
}

#[derive(Deserialize)]
struct Validity {
    valid: bool,
}

impl SonarQube {
    /// Asks; none where what is asked for is not there.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        action: &str,
        pairs: &Pairs<'_>,
    ) -> Result<Option<T>, StepError> {
        let answer = self
            .http
            .get(format!("/api/{action}"))
            .query(pairs)
            .send()
            .await?;
        answer.found()?.map(|answer| answer.json()).transpose()
    }

    /// Changes something that is answered with a body.
    pub(super) async fn make<T: DeserializeOwned>(
        &self,
        action: &str,
        pairs: &Pairs<'_>,
    ) -> Result<T, StepError> {
        let answer = self
            .http
            .post(format!("/api/{action}"))
            .form(pairs)
            .send()
            .await?;
        answer.success()?.json()
    }

    /// Makes something that there may be one of; the refusal where there is.
    pub(super) async fn make_new(
        &self,
        action: &str,
        pairs: &Pairs<'_>,
    ) -> Result<Option<StepError>, StepError> {
        let call = self.http.post(format!("/api/{action}")).form(pairs);
        let answer = call.send().await?;
        let taken =
            answer.is(http::StatusCode::BAD_REQUEST) && answer.error_text().contains("already exists");
        if taken {
            return Ok(Some(answer.refused()));
        }
        answer.success()?.json::<serde_json::Value>()?;
        Ok(None)
    }

    /// Changes something that is answered by 204.
    pub(super) async fn change(&self, action: &str, pairs: &Pairs<'_>) -> Result<(), StepError> {
        self.change_if_there(action, pairs).await?
    }

    /// [`SonarQube::change`], whose inner error is that the thing is not there.
    pub(super) async fn change_if_there(
        &self,
        action: &str,
        pairs: &Pairs<'_>,
    ) -> Result<Result<(), StepError>, StepError> {
        let answer = self
            .http
            .post(format!("/api/{action}"))
            .form(pairs)
            .send()
            .await?;
        if answer.is(http::StatusCode::NOT_FOUND) {
            return Ok(Err(answer.refused()));
        }
        let answer = answer.success()?;
        if answer.body.is_empty() {
            return Ok(Ok(()));
        }
        // A page of something in between is no confirmation.
        answer.json::<serde_json::Value>()?;
        Ok(Ok(()))
    }

    pub(super) async fn check_health(&self) -> Result<Health, StepError> {
        let answer = self.http.get("/api/system/status").send().await?.success()?;
        let status: Status = answer.json()?;
        if status.status != "UP" {
            return Err(StepError::Transient {
                message: format!("SonarQube answers that it is {}: it has to be UP", status.status),
                retry_after: None,
            });
        }
        let answer = self
            .http
            .get("/api/authentication/validate")
            .send()
            .await?
            .success()?;
        if !answer.json::<Validity>()?.valid {
            return Err(StepError::Unauthorised {
                message: "SonarQube does not take our token: renew it".into(),
            });
        }
        Ok(Health {
            version: status.version,
        })
    }
}
