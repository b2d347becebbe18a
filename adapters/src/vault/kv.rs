//! The calls of the KV v2 engine.

use http::StatusCode;
use opstella_domain::naming::SecretPath;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::Vault;
use super::client::{Mount, no_mount, path};
use super::kv_mark::Custom;
use crate::{SecretFields, StepError};

/// What the engine tells of an entry.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    /// Number of the newest version; 0 where there is none yet.
    pub current_version: u64,
    #[serde(default)]
    custom_metadata: Option<Custom>,
}

impl Metadata {
    pub(super) fn custom(&self) -> Custom {
        self.custom_metadata.clone().unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct Content {
    data: Option<std::collections::BTreeMap<String, serde_json::Value>>,
}

impl Vault {
    fn kv(&self) -> Mount<'_> {
        Mount::Kv(&self.kv_mount)
    }

    fn kv_path(&self, kind: &str, entry: &str) -> String {
        format!("/v1/{}/{kind}/{}", path(&self.kv_mount), path(entry))
    }

    pub(super) async fn kv_metadata(&self, entry: &str) -> Result<Option<Metadata>, StepError> {
        let call = self.http.get(self.kv_path("metadata", entry));
        self.read_data(call, self.kv()).await
    }

    /// Sets the custom metadata; makes the entry if it is not there.
    pub(super) async fn kv_describe(&self, entry: &str, custom: &Custom) -> Result<(), StepError> {
        let call = self.http.post(self.kv_path("metadata", entry));
        self.change(call.json(&json!({ "custom_metadata": custom })), self.kv())
            .await
    }

    /// Deletes all versions and the metadata; what is not there stays so.
    pub(super) async fn kv_delete(&self, entry: &str) -> Result<(), StepError> {
        self.change(self.http.delete(self.kv_path("metadata", entry)), self.kv())
            .await
    }

    /// The names right below a path; folders end with `/`.
    pub(super) async fn kv_list(&self, entry: &str) -> Result<Vec<String>, StepError> {
        let call = self.http.get(format!("{}/", self.kv_path("metadata", entry)));
        let found: Option<Keys> = self.read_data(call.query(&[("list", "true")]), self.kv()).await?;
        Ok(found.map(|f| f.keys).unwrap_or_default())
    }

    /// The newest version's fields; none where there is no version or it was deleted.
    pub(super) async fn kv_read(&self, entry: &str) -> Result<Option<SecretFields>, StepError> {
        let found: Option<Content> = self
            .read_data(self.http.get(self.kv_path("data", entry)), self.kv())
            .await?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => SecretString::from(text),
            other => SecretString::from(other.to_string()),
        };
        let fields = found.and_then(|content| content.data);
        Ok(fields.map(|fields| {
            fields
                .into_iter()
                .map(|(name, value)| (name, text(value)))
                .collect()
        }))
    }

    /// Writes a version on top of `version`. False where another version came in between.
    pub(super) async fn kv_write(
        &self,
        entry: &str,
        version: u64,
        fields: &SecretFields,
    ) -> Result<bool, StepError> {
        let data: std::collections::BTreeMap<&str, &str> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect();
        let body = json!({ "data": data, "options": { "cas": version } });
        let answer = self
            .send(self.http.post(self.kv_path("data", entry)).json(&body))
            .await?;
        if no_mount(&answer) || answer.is(StatusCode::NO_CONTENT) {
            // Version 1 of the engine takes any path and answers 204.
            return Err(self.kv().missing());
        }
        if answer.is(StatusCode::BAD_REQUEST)
            && answer
                .error_text()
                .contains("check-and-set parameter did not match")
        {
            return Ok(false);
        }
        answer.success()?.json::<serde_json::Value>()?;
        Ok(true)
    }

    /// The whole of a path, as people and tools write it.
    pub(super) fn kv_name(&self, entry: &SecretPath) -> String {
        format!("{}/{entry}", self.kv_mount)
    }

    /// The page of a path in the web UI.
    pub(super) fn kv_page(&self, entry: &SecretPath) -> String {
        format!("secrets/{}/show/{}", path(&self.kv_mount), path(entry.as_str()))
    }
}
