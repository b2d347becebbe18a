use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Bench;
use super::aggregate::written;
use crate::BenchError;

pub const DATABASE: &str = "bench_pgbench";

impl Bench<'_> {
    /// Single-row inserts per second of the same rows into the same table, by PostgreSQL's own benchmark.
    pub async fn pgbench(&self, clients: usize) -> Result<f64, BenchError> {
        self.settle().await?;
        let mut metadata =
            opstella_journal::EventMetadata::new("bench", "Write", "0123456789abcdef").to_map();
        metadata.insert("unit".to_owned(), "0".repeat(32));
        let metadata = serde_json::to_string(&metadata)?;
        let payload = serde_json::to_string(&written())?;
        let script = format!(
            "\\set id random(1, 9000000000000000000)\n\
             INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
             VALUES ('sheet', 'sheet-' || :client_id || '-' || :id, 1, 'Written', '1.0', '{payload}', '{metadata}');\n"
        );
        let mut command = Command::from(self.server.binaries().command("pgbench"));
        command
            .args([
                "--no-vacuum",
                "--protocol=prepared",
                "--file=-",
                "--host=127.0.0.1",
            ])
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={}", clients.min(2)))
            .arg(format!("--time={}", self.duration.as_secs()))
            .arg(format!("--port={}", self.server.port()))
            .arg(format!("--username={}", self.server.user()))
            .arg(DATABASE)
            .env("PGPASSWORD", self.server.password())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(script.as_bytes()).await?;
        }
        let output = child.wait_with_output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
            .filter(|_| output.status.success())
            .ok_or_else(|| BenchError::Peer {
                peer: "pgbench",
                reason: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
            })
    }
}
