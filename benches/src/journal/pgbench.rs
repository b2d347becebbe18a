use super::Bench;
use super::aggregate::written;
use crate::{BenchError, pgbench};

pub const DATABASE: &str = "bench_pgbench";

impl Bench<'_> {
    /// Single-row inserts per second of the same rows into the same table, by PostgreSQL's own benchmark.
    pub async fn pgbench(&self, clients: usize) -> Result<f64, BenchError> {
        self.settle().await?;
        let mut metadata =
            opstella_journal::EventMetadata::new("bench", "Write", "0123456789abcdef").to_map();
        metadata.insert("unit".into(), "0".repeat(32));
        let row = (
            &*serde_json::to_string(&written())?,
            &*serde_json::to_string(&metadata)?,
        );
        pgbench::insert_tps(self.server, DATABASE, clients, self.duration, row).await
    }
}
