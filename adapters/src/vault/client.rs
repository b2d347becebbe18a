//! What all calls to Vault have in common.

use http::StatusCode;
use opstella_domain::Tool;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Vault;
use crate::http::{Answer, Call, segment};
use crate::{Health, StepError};

/// The envelope of every answer with data.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub data: T,
}

#[derive(Deserialize)]
struct SealStatus {
    sealed: bool,
    version: Option<String>,
}

/// A path of several segments, each encoded.
pub(super) fn path(text: &str) -> String {
    text.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Whether nothing is mounted where the call went.
pub(super) fn no_mount(answer: &Answer) -> bool {
    answer.is(StatusCode::NOT_FOUND) && answer.error_text().contains("no handler for route")
}

impl Vault {
    /// Sends a call. Vault refuses a token that is no longer valid with the same 403 as one that lacks a right; which
    /// of the two it is, the token itself can ask.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, StepError> {
        let answer = call.send().await?;
        if answer.is(StatusCode::FORBIDDEN) {
            self.check_token().await?;
        }
        Ok(answer)
    }

    async fn check_token(&self) -> Result<(), StepError> {
        let answer = self.http.get("/v1/auth/token/lookup-self").send().await?;
        if answer.is(StatusCode::FORBIDDEN) {
            return Err(StepError::Unauthorised {
                message:
                    "Vault does not take our token (lookup-self answered 403): renew it, then retry the step"
                        .into(),
            });
        }
        answer.success().map(drop)
    }

    /// Sends a read; the data, or none where nothing is there.
    pub(super) async fn read_data<T: DeserializeOwned>(
        &self,
        call: Call,
        mount: Mount<'_>,
    ) -> Result<Option<T>, StepError> {
        let answer = self.send(call).await?;
        if no_mount(&answer) {
            return Err(mount.missing());
        }
        match answer.found()? {
            Some(answer) => Ok(Some(answer.json::<Envelope<T>>()?.data)),
            None => Ok(None),
        }
    }

    /// Sends a change that is answered by 204, or by 200 with warnings.
    pub(super) async fn change(&self, call: Call, mount: Mount<'_>) -> Result<(), StepError> {
        let answer = self.send(call).await?;
        if no_mount(&answer) {
            return Err(mount.missing());
        }
        let answer = answer.success()?;
        if answer.body.is_empty() {
            return Ok(());
        }
        // A page of something in between is no confirmation.
        answer.json::<serde_json::Value>().map(drop)
    }

    pub(super) async fn check_health(&self) -> Result<Health, StepError> {
        // Unlike sys/health it answers 200 on a standby, too, which serves us as well as the active node.
        let answer = self.http.get("/v1/sys/seal-status").send().await?.success()?;
        let status: SealStatus = answer.json()?;
        if status.sealed {
            return Err(StepError::Transient {
                message: "Vault is sealed: unseal it".into(),
                retry_after: None,
            });
        }
        self.check_token().await?;
        Ok(Health {
            version: status.version,
        })
    }
}

/// Where a call goes: for what to say when nothing is mounted there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mount<'a> {
    Kv(&'a str),
    Auth {
        method: &'static str,
        mount: &'a str,
        setting: &'static str,
    },
    System,
}

impl Mount<'_> {
    pub(super) fn missing(self) -> StepError {
        let message = match self {
            Self::Kv(mount) => format!(
                "{}: no KV version 2 engine is mounted at `{mount}`: enable it (`bao secrets enable -path={mount} \
                 kv-v2`), or name the right mount in the connection's settings.kv_mount",
                Tool::Vault
            ),
            Self::Auth {
                method,
                mount,
                setting,
            } => format!(
                "{}: the {method} auth method is not enabled at `{mount}`: enable it (`bao auth enable -path={mount} \
                 {method}`), or name the right mount in the connection's settings.{setting}",
                Tool::Vault
            ),
            Self::System => format!(
                "{}: the system backend does not answer: check the URL of the connection",
                Tool::Vault
            ),
        };
        StepError::Permanent { message }
    }
}
