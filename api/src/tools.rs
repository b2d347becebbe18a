//! What the API asks of the outside world.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use opstella_domain::ConnectionName;
use opstella_domain::evidence::ArtifactKey;
use opstella_domain::naming::SecretPath;
use opstella_domain::release::Digest;
use opstella_domain::template::TemplateFiles;
use opstella_domain::tool_connection::ConnectionKey;
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

/// Where a connection's circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CircuitState {
    /// Steps go through.
    Closed,
    /// The tool failed too often in a row, or asked to be left alone.
    Open,
    /// One step tries.
    HalfOpen,
}

/// How a connected tool is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ToolHealthView {
    /// Whether it answers and takes our credential.
    pub reachable: bool,
    /// Its version, as it says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was asked.
    pub checked_at: DateTime<Utc>,
    /// Where its circuit breaker stands in this process.
    pub circuit: CircuitState,
}

/// The outside world, as the API sees it.
#[async_trait]
pub trait ToolSide: Send + Sync {
    /// Asks one.
    async fn health(&self, key: &ConnectionKey) -> ToolHealthView;

    /// Whether a template's files render, without unknown variables.
    ///
    /// # Errors
    /// What is wrong with which file.
    fn check_template(&self, files: &TemplateFiles) -> Result<(), String>;

    /// The digests of the configurations of an image, one a platform; none where Harbor does not have it.
    ///
    /// # Errors
    /// Why it cannot be said now.
    async fn image_configs(
        &self,
        connection: &ConnectionName,
        image: &ArtifactKey,
    ) -> Result<Vec<Digest>, String>;

    /// The secret that a tool signs its webhooks with, as it is kept; none where there is none.
    ///
    /// # Errors
    /// Why it cannot be read now.
    async fn webhook_secret(
        &self,
        connection: &ConnectionName,
        path: &SecretPath,
    ) -> Result<Option<SecretString>, String>;

    /// Whether this process executes runs; `None` where it is not meant to.
    fn engine_active(&self) -> Option<bool>;
}
