//! pgbench beside us: single-row inserts of the same shape, on the same server.

use std::time::Duration;

use opstella_devservers::postgres::Postgres;

use crate::BenchError;
use crate::error;

const SCRIPT: &str = "\
\\set n random(1, 9223372036854775807)
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('pgbench', gen_random_uuid()::text, 1, 'Measured', '1.0', :payload, '{\"actor_subject\":\"pgbench\"}');
";

/// Inserts a second.
///
/// # Errors
/// [`BenchError`] where pgbench does not run or prints no figure.
pub async fn insert_tps(
    server: &Postgres,
    url: &str,
    clients: usize,
    duration: Duration,
) -> Result<f64, error::BenchError> {
    let payload = format!("'{{\"filling\":\"{}\"}}'", "x".repeat(486));
    let script = std::env::temp_dir().join(format!("opstella-pgbench-{}.sql", std::process::id()));
    std::fs::write(&script, SCRIPT.replace(":payload", &payload))?;
    let mut command = tokio::process::Command::from(server.binaries().command("pgbench"));
    command
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--client",
            &clients.to_string(),
        ])
        .args([
            "--jobs",
            &clients.min(2).to_string(),
            "--time",
            &duration.as_secs().max(1).to_string(),
        ])
        .arg("--file")
        .arg(&script)
        .arg(url)
        .kill_on_drop(true);
    let output = tokio::time::timeout(duration + Duration::from_secs(30), command.output()).await?;
    std::fs::remove_file(&script)?;
    let output = output?;
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text
        .lines()
        .find_map(|l| l.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.ok_or_else(|| {
        BenchError::Unexpected(format!(
            "pgbench printed no figure: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    })
}
