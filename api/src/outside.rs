//! The outside world behind the API: adapters and the engine.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use opstella_adapters::collector::{Collector, CollectorOptions};
use opstella_adapters::engine::{Circuit, Engine, EngineOptions, ToolLimits};
use opstella_adapters::promoter::{Promoter, PromoterOptions};
use opstella_adapters::{Toolbox, render, webhook_secret};
use opstella_commands::Commands;
use opstella_domain::evidence::ArtifactKey;
use opstella_domain::naming::SecretPath;
use opstella_domain::release::Digest;
use opstella_domain::template::TemplateFiles;
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{ConnectionName, InstallationId, Tool};
use secrecy::SecretString;
use tokio::time::timeout;

use crate::config::EngineConfig;
use crate::tools::{CircuitState, ToolHealthView, ToolSide};

/// Longest wait for a tool's word on its health, and for a secret.
const PATIENCE: Duration = Duration::from_secs(5);

/// Adapters and the engine of this process.
pub struct Outside {
    toolbox: Arc<dyn Toolbox>,
    engine: Mutex<Option<Engine>>,
    promoter: Mutex<Option<Promoter>>,
    collector: Mutex<Option<Collector>>,
    enabled: bool,
}

impl Outside {
    /// Starts the engine, the promoter and the collector, if they are enabled.
    pub fn start(
        commands: Commands,
        toolbox: Arc<dyn Toolbox>,
        installation: InstallationId,
        config: &EngineConfig,
    ) -> Arc<Self> {
        let engine = config.enabled.then(|| {
            Engine::start(
                commands.clone(),
                Arc::clone(&toolbox),
                installation,
                options(config),
            )
        });
        let promoter = config
            .enabled
            .then(|| Promoter::start(commands.clone(), Arc::clone(&toolbox), promoter_options(config)));
        let collector = config
            .enabled
            .then(|| Collector::start(commands, Arc::clone(&toolbox), collector_options(config)));
        Arc::new(Self {
            toolbox,
            engine: Mutex::new(engine),
            promoter: Mutex::new(promoter),
            collector: Mutex::new(collector),
            enabled: config.enabled,
        })
    }

    /// Stops all: steps under way are waited for.
    pub async fn shutdown(&self) {
        if let Some(collector) = take(&self.collector) {
            collector.shutdown().await;
        }
        if let Some(promoter) = take(&self.promoter) {
            promoter.shutdown().await;
        }
        if let Some(engine) = take(&self.engine) {
            engine.shutdown().await;
        }
    }

    fn with_engine<T>(&self, look: impl FnOnce(&Engine) -> T) -> Option<T> {
        let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        engine.as_ref().map(look)
    }
}

fn take<T>(running: &Mutex<Option<T>>) -> Option<T> {
    running.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn collector_options(config: &EngineConfig) -> CollectorOptions {
    CollectorOptions {
        first_pause: Duration::from_secs(config.evidence_seconds),
        give_up_after: Duration::from_secs(config.evidence_hours.saturating_mul(3600)),
        again_every: Duration::from_secs(config.rescan_hours.saturating_mul(3600)),
        ..CollectorOptions::default()
    }
}

fn promoter_options(config: &EngineConfig) -> PromoterOptions {
    PromoterOptions {
        watch_interval: Duration::from_secs(config.watch_seconds),
        ..PromoterOptions::default()
    }
}

fn options(config: &EngineConfig) -> EngineOptions {
    let limits: BTreeMap<_, _> = config
        .tools
        .iter()
        .map(|(tool, limit)| {
            let limits = ToolLimits {
                concurrency: limit.concurrency,
                per_second: NonZeroU32::new(limit.per_second).unwrap_or(NonZeroU32::MIN),
                circuit_failures: limit.circuit_failures,
                circuit_pause: Duration::from_secs(limit.circuit_pause_seconds),
                ..ToolLimits::default()
            };
            (*tool, limits)
        })
        .collect();
    EngineOptions {
        limits,
        step_timeout: Duration::from_secs(config.step_timeout_seconds),
        ..EngineOptions::default()
    }
}

#[async_trait]
impl ToolSide for Outside {
    async fn health(&self, key: &ConnectionKey) -> ToolHealthView {
        let asked = async { self.toolbox.adapter(key).await?.health().await };
        let (reachable, version, message) = match timeout(PATIENCE, asked).await {
            Ok(Ok(health)) => (true, health.version, None),
            Ok(Err(error)) => (false, None, Some(error.to_string())),
            Err(_) => (
                false,
                None,
                Some(format!("no answer within {} s", PATIENCE.as_secs())),
            ),
        };
        let circuit = match self.with_engine(|engine| engine.circuit(key)).unwrap_or_default() {
            Circuit::Closed => CircuitState::Closed,
            Circuit::Open => CircuitState::Open,
            Circuit::HalfOpen => CircuitState::HalfOpen,
        };
        ToolHealthView {
            reachable,
            version,
            message,
            checked_at: Utc::now(),
            circuit,
        }
    }

    fn check_template(&self, files: &TemplateFiles) -> Result<(), String> {
        render::check(files).map_err(|error| error.to_string())
    }

    async fn image_configs(
        &self,
        connection: &ConnectionName,
        image: &ArtifactKey,
    ) -> Result<Vec<Digest>, String> {
        let key = ConnectionKey {
            tool: Tool::Harbor,
            name: connection.clone(),
        };
        let asked = async { self.toolbox.adapter(&key).await?.image_configs(image).await };
        match timeout(PATIENCE, asked).await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("Harbor did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn webhook_secret(
        &self,
        connection: &ConnectionName,
        path: &SecretPath,
    ) -> Result<Option<SecretString>, String> {
        let asked = async {
            let secrets = self.toolbox.secrets(connection).await?;
            webhook_secret::kept(path, secrets.as_ref()).await
        };
        match timeout(PATIENCE, asked).await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("Vault did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    fn engine_active(&self) -> Option<bool> {
        self.enabled
            .then(|| self.with_engine(Engine::active).unwrap_or(false))
    }
}
