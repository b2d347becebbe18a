//! PostgreSQL's own benchmark, beside ours on the same server.

use std::process::Stdio;
use std::time::Duration;

use opstella_devservers::postgres::Postgres;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::BenchError;

/// Single-row inserts per second into `events`, each of a new stream, with this payload and metadata.
pub async fn insert_tps(
    server: &Postgres,
    database: &str,
    clients: usize,
    duration: Duration,
    (payload, metadata): (&str, &str),
) -> Result<f64, BenchError> {
    let script = format!(
        "\\set id random(1, 9000000000000000000)\n\
         INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
         VALUES ('sheet', 'sheet-' || :client_id || '-' || :id, 1, 'Written', '1.0', '{payload}', '{metadata}');\n"
    );
    let mut command = Command::from(server.binaries().command("pgbench"));
    command
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--file=-",
            "--host=127.0.0.1",
        ])
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", clients.min(2)))
        .arg(format!("--time={}", duration.as_secs().max(1)))
        .arg(format!("--port={}", server.port()))
        .arg(format!("--username={}", server.user()))
        .arg(database)
        .env("PGPASSWORD", server.password())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(script.as_bytes()).await?;
    }
    let output = tokio::time::timeout(duration + Duration::from_secs(30), child.wait_with_output()).await??;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .filter(|_| output.status.success())
        .ok_or_else(|| BenchError::Peer {
            peer: "pgbench",
            reason: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
        })
}
