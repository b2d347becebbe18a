//! What is measured, against one private durable PostgreSQL.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use opstella_adapters::engine::{Engine, EngineOptions, ToolLimits};
use opstella_commands::{Authenticated, CommandOptions, Commands};
use opstella_devservers::postgres::{Postgres, PostgresOptions};
use opstella_domain::{InstallationId, RunId, Tool};
use opstella_journal::{Journal, JournalOptions};
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::Instant;
use uuid::Uuid;

use super::chain;
use super::toolbox::MemoryTool;
use crate::{BenchError, pgbench};

/// The servers of the benchmark.
pub struct Bench {
    postgres: Postgres,
    pool: PgPool,
    journal: Journal,
}

/// Memory of this process.
#[derive(Debug, Serialize)]
pub struct Waiting {
    /// How many runs wait.
    pub runs: usize,
    /// Before anything was done, in MB.
    pub rest_mb: f64,
    /// While they wait, in MB.
    pub waiting_mb: f64,
}

impl Bench {
    /// Starts PostgreSQL with everything durable and opens a journal on it.
    pub async fn start() -> Result<Self, BenchError> {
        let postgres = Postgres::start(PostgresOptions::durable()).await?;
        let url = postgres.create_database("sagas").await?;
        let pool = PgPoolOptions::new().max_connections(10).connect(&url).await?;
        opstella_journal::migrate(&pool).await?;
        let journal = Journal::open(pool.clone(), JournalOptions::default()).await?;
        Ok(Self {
            postgres,
            pool,
            journal,
        })
    }

    /// Stops everything.
    pub async fn stop(self) -> Result<(), BenchError> {
        self.journal.close().await;
        self.pool.close().await;
        Ok(self.postgres.stop().await?)
    }

    /// Single-row inserts a second of one client.
    pub async fn pgbench(&self, duration: Duration) -> Result<f64, BenchError> {
        let payload = format!("{{\"filling\":\"{}\"}}", "x".repeat(486));
        let metadata = r#"{"actor_subject":"pgbench"}"#;
        pgbench::insert_tps(&self.postgres, "sagas", 1, duration, (&payload, metadata)).await
    }

    fn engine(&self, tool: MemoryTool) -> Engine {
        let authoriser = Arc::new(Authenticated);
        let connection = "main".parse().ok();
        let options = CommandOptions {
            public_url: "http://127.0.0.1".into(),
            deploy_wait_minutes: 15,
            connection: connection.unwrap_or_else(|| unreachable!("`main` is a connection name")),
        };
        let commands = Commands::new(self.journal.clone(), authoriser, options);
        let limits = ToolLimits {
            concurrency: 64,
            per_second: NonZeroU32::MAX,
            ..ToolLimits::default()
        };
        let limits = BTreeMap::from([(Tool::Kubernetes, limits)]);
        Engine::start(
            commands,
            Arc::new(tool),
            InstallationId(Uuid::nil()),
            EngineOptions {
                limits,
                ..EngineOptions::default()
            },
        )
    }

    /// Steps a second with this many runs at once, and milliseconds a step of one run.
    pub async fn chains(
        &self,
        at_once: usize,
        steps: usize,
        duration: Duration,
    ) -> Result<(f64, f64), BenchError> {
        let engine = self.engine(MemoryTool { latency: None });
        let plan = chain::plan(steps)?;
        let mut ended = self.journal.subscribe(self.journal.head().await?);
        let mut open = std::collections::HashSet::new();
        for _ in 0..at_once {
            open.insert(chain::start(&self.journal, plan.clone()).await?.to_string());
        }
        // The first round warms up: caches, prepared statements, the lease.
        let mut completed = 0_usize;
        let mut warm = at_once;
        let mut started = Instant::now();
        while !open.is_empty() {
            let batch = tokio::time::timeout(Duration::from_secs(60), ended.next(1000)).await??;
            for event in batch
                .events
                .iter()
                .filter(|e| e.aggregate_type == "Run" && e.event_type.starts_with("Run"))
            {
                if event.event_type == "RunPlanned" || !open.remove(&event.aggregate_id) {
                    continue;
                }
                if event.event_type != "RunSucceeded" {
                    return Err(BenchError::Unexpected(format!(
                        "{} ended with {}",
                        event.aggregate_id, event.event_type
                    )));
                }
                if warm > 0 {
                    warm -= 1;
                    if warm == 0 {
                        started = Instant::now();
                    }
                } else {
                    completed += 1;
                }
                if warm > 0 || started.elapsed() < duration {
                    open.insert(chain::start(&self.journal, plan.clone()).await?.to_string());
                }
            }
        }
        let elapsed = started.elapsed().as_secs_f64();
        engine.shutdown().await;
        let done = (completed * steps) as f64;
        let ms_per_step = elapsed * 1000.0 * at_once as f64 / done;
        Ok((done / elapsed, ms_per_step))
    }

    /// Memory in MB with an engine that is active and has had nothing to do yet.
    pub async fn at_rest(&self) -> Result<f64, BenchError> {
        let engine = self.engine(MemoryTool { latency: None });
        let deadline = Instant::now() + Duration::from_secs(60);
        while !engine.active() {
            if Instant::now() > deadline {
                return Err(BenchError::Unexpected("the engine did not become active".into()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let rest_mb = resident_mb()?;
        engine.shutdown().await;
        Ok(rest_mb)
    }

    /// Memory while runs wait on a tool that does not answer in time.
    pub async fn waiting(&self, runs: usize, rest_mb: f64) -> Result<Waiting, BenchError> {
        let engine = self.engine(MemoryTool {
            latency: Some(Duration::from_secs(3600)),
        });
        let plan = chain::plan(super::CHAIN)?;
        for _ in 0..runs {
            let _: RunId = chain::start(&self.journal, plan.clone()).await?;
        }
        let runs_noted = i64::try_from(runs).unwrap_or(i64::MAX);
        self.until_noted(runs_noted).await?;
        // The engine notes a batch of runs, looks at each, and only then notes the next: once this one is noted, all
        // others have been looked at.
        let _: RunId = chain::start(&self.journal, plan.clone()).await?;
        self.until_noted(runs_noted.saturating_add(1)).await?;
        let waiting_mb = resident_mb()?;
        drop(engine);
        Ok(Waiting {
            runs,
            rest_mb,
            waiting_mb,
        })
    }
}

impl Bench {
    async fn until_noted(&self, runs: i64) -> Result<(), BenchError> {
        let deadline = Instant::now() + Duration::from_secs(120);
        while open_runs(&self.pool).await? < runs {
            if Instant::now() > deadline {
                return Err(BenchError::Unexpected(
                    "the engine did not take the runs up".into(),
                ));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

async fn open_runs(pool: &PgPool) -> Result<i64, BenchError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM engine_open_runs")
        .fetch_one(pool)
        .await?)
}

/// Resident memory of this process, from `/proc/self/status` (proc(5)).
fn resident_mb() -> Result<f64, BenchError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
    kilobytes
        .map(|kb| kb / 1024.0)
        .ok_or_else(|| BenchError::Unexpected("no VmRSS in /proc/self/status".into()))
}
