//! A running server.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sqlx::{Connection, PgConnection};

use crate::error::DevServerError;
use crate::port;
use crate::postgres::cluster::{Cluster, SUPERUSER};
use crate::postgres::{Binaries, PostgresOptions};
use crate::process;
use crate::watchdog::{StopBy, Watchdog};

/// How long a server may take until it answers; crash recovery included.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often another port is tried.
const PORT_ATTEMPTS: u32 = 10;

/// A private PostgreSQL. It stops when this is dropped, and when our process ends in any way.
pub struct Postgres {
    cluster: Cluster,
    options: PostgresOptions,
    port: u16,
    child: Option<Child>,
    watchdog: Option<Watchdog>,
}

impl Postgres {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When there is no PostgreSQL to be had, or it does not start.
    pub async fn start(options: PostgresOptions) -> Result<Self, DevServerError> {
        let cluster = Cluster::prepare(&options).await?;
        let remove = (!cluster.persistent).then(|| cluster.folder.clone());
        let marker = cluster.data().to_string_lossy().into_owned();
        let watchdog = Watchdog::start(&marker, StopBy::Quit, remove.as_deref())?;
        let mut server = Self {
            cluster,
            options,
            port: 0,
            child: None,
            watchdog: Some(watchdog),
        };
        for _ in 0..PORT_ATTEMPTS {
            server.port = port::free()?;
            if server.launch().await? {
                return Ok(server);
            }
        }
        Err(DevServerError::NoPort(PORT_ATTEMPTS))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database, with the superuser's name and password. `postgres` always exists.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}?sslmode=disable",
            self.cluster.password, self.port
        )
    }

    /// The superuser's password, for programs that want it apart from the address.
    pub fn password(&self) -> &str {
        &self.cluster.password
    }

    /// The superuser's name.
    pub fn user(&self) -> &'static str {
        SUPERUSER
    }

    /// The programs that this server was started from; `pgbench` is among them.
    pub fn binaries(&self) -> &Binaries {
        &self.cluster.binaries
    }

    /// The process of the server; none while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The folder that holds the data, the log and the password.
    pub fn folder(&self) -> &Path {
        &self.cluster.folder
    }

    /// The server's log.
    pub fn log_path(&self) -> PathBuf {
        self.cluster.log_path()
    }

    /// Creates an empty database and gives its address.
    ///
    /// # Errors
    /// When the name is taken or the server is stopped.
    pub async fn create_database(&self, name: &str) -> Result<String, DevServerError> {
        create_database(&self.url("postgres"), name).await?;
        Ok(self.url(name))
    }

    /// Kills the server and all its processes at once, as a crash would. The files stay as they are.
    ///
    /// # Errors
    /// None at present; the signature leaves room.
    pub async fn kill(&mut self) -> Result<(), DevServerError> {
        if let Some(mut child) = self.child.take() {
            tokio::task::spawn_blocking(move || process::kill_tree(child.id(), &mut child)).await?;
        }
        Ok(())
    }

    /// Starts it again on the same files and port, after [`Self::kill`] or from running.
    ///
    /// # Errors
    /// When it does not start, or another process has taken the port.
    pub async fn restart(&mut self) -> Result<(), DevServerError> {
        self.shut_down(Signal::SIGINT).await?;
        for _ in 0..PORT_ATTEMPTS {
            if self.launch().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err(DevServerError::NoPort(PORT_ATTEMPTS))
    }

    /// Stops it in an orderly way (open transactions are rolled back) and removes its files unless they are to stay.
    ///
    /// # Errors
    /// None at present; the signature leaves room.
    pub async fn stop(mut self) -> Result<(), DevServerError> {
        self.shut_down(Signal::SIGINT).await
    }

    async fn shut_down(&mut self, by: Signal) -> Result<(), DevServerError> {
        if let Some(mut child) = self.child.take() {
            process::signal(child.id(), by);
            tokio::task::spawn_blocking(move || process::reap(&mut child, Duration::from_secs(30))).await?;
        }
        Ok(())
    }

    /// Starts the process; `false` when the port was taken.
    async fn launch(&mut self) -> Result<bool, DevServerError> {
        let log = self.cluster.open_log()?;
        let log_start = log.metadata().map(|found| found.len()).unwrap_or_default();
        let errors = log
            .try_clone()
            .map_err(DevServerError::io("open", self.log_path()))?;
        let mut command = self.cluster.command("postgres");
        command
            .arg("-D")
            .arg(self.cluster.data())
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        for (name, value) in self.options.all_settings(self.port) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let child = command
            .spawn()
            .map_err(DevServerError::io("start", self.binaries().program("postgres")))?;
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.watch(child.id());
        }
        let child = self.child.insert(child);

        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = child
                .try_wait()
                .map_err(DevServerError::io("wait for", "postgres"))?
            {
                self.child = None;
                return if self.port_was_taken(log_start) {
                    Ok(false)
                } else {
                    Err(DevServerError::Program {
                        program: "postgres".to_owned(),
                        status: status.to_string(),
                        output: self.cluster.log_tail(),
                    })
                };
            }
            // The password tells our server from another that took the port.
            let url = format!(
                "postgres://{SUPERUSER}:{}@127.0.0.1:{}/postgres?sslmode=disable",
                self.cluster.password, self.port
            );
            if let Ok(connection) = PgConnection::connect(&url).await {
                let _ = connection.close().await;
                return Ok(true);
            }
            tokio::time::sleep(process::POLL).await;
        }
        Err(DevServerError::Timeout {
            server: "PostgreSQL",
            seconds: PATIENCE.as_secs(),
            log: self.cluster.log_tail(),
        })
    }

    fn port_was_taken(&self, log_start: u64) -> bool {
        let log = std::fs::read(self.log_path()).unwrap_or_default();
        let recent = log
            .get(usize::try_from(log_start).unwrap_or_default()..)
            .unwrap_or_default();
        String::from_utf8_lossy(recent).contains("could not bind")
    }

    /// Takes the server out of our care: for one that outlives us.
    pub(crate) fn into_parts(mut self) -> Option<(Cluster, u32)> {
        let pid = self.pid()?;
        self.child = None;
        if let Some(mut watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        let hollow = Cluster {
            folder: self.cluster.folder.clone(),
            scratch: self.cluster.scratch.take(),
            // Nothing of it may be removed by our drop.
            persistent: std::mem::replace(&mut self.cluster.persistent, true),
            account: self.cluster.account,
            binaries: self.cluster.binaries.clone(),
            password: self.cluster.password.clone(),
        };
        Some((hollow, pid))
    }
}

/// Creates an empty database through the server's administrative address.
pub(crate) async fn create_database(admin_url: &str, name: &str) -> Result<(), DevServerError> {
    let mut connection = PgConnection::connect(admin_url).await?;
    let quoted = name.replace('"', "\"\"");
    let statement = format!("CREATE DATABASE \"{quoted}\" TEMPLATE template0");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the password.
        formatter
            .debug_struct("Postgres")
            .field("folder", &self.cluster.folder)
            .field("port", &self.port)
            .field("running", &self.child.is_some())
            .finish_non_exhaustive()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // What is kept gets an orderly end, which needs no recovery.
            let by = if self.cluster.persistent {
                Signal::SIGINT
            } else {
                Signal::SIGQUIT
            };
            process::signal(child.id(), by);
            process::reap(&mut child, Duration::from_secs(10));
        }
        self.cluster.remove();
        if let Some(mut watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
    }
}
