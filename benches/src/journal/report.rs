use serde::Serialize;

use super::follow::Followed;

/// One number of clients: single-row commits (pgbench) or commands (the others) per second.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub clients: usize,
    pub pgbench_tps: f64,
    pub postgres_es: f64,
    pub ours: f64,
    pub ours_over_pgbench: f64,
    pub ours_over_postgres_es: f64,
}

impl Row {
    pub fn new(clients: usize, pgbench_tps: f64, postgres_es: f64, ours: f64) -> Self {
        Self {
            clients,
            pgbench_tps,
            postgres_es,
            ours,
            ours_over_pgbench: ours / pgbench_tps,
            ours_over_postgres_es: ours / postgres_es,
        }
    }
}

/// The whole result, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Report {
    pub rows: Vec<Row>,
    pub subscription_over_copy: f64,
    pub visible_ms_p50: f64,
    pub visible_ms_p99: f64,
}

impl Report {
    pub fn print_table(&self, followed: &Followed) {
        println!("appends of one event (500-byte payload, distinct aggregates), medians of three rounds");
        println!(
            "{:>7} {:>12} {:>12} {:>12} {:>14} {:>18}",
            "clients", "pgbench/s", "postgres-es/s", "ours/s", "ours/pgbench", "ours/postgres-es"
        );
        for row in &self.rows {
            println!(
                "{:>7} {:>12.0} {:>13.0} {:>12.0} {:>14.2} {:>18.2}",
                row.clients,
                row.pgbench_tps,
                row.postgres_es,
                row.ours,
                row.ours_over_pgbench,
                row.ours_over_postgres_es
            );
        }
        println!(
            "subscription: {:.0} events/s; COPY events TO STDOUT: {:.0} rows/s; ratio {:.2} ({} events)",
            followed.subscription, followed.copy, self.subscription_over_copy, followed.events
        );
        println!(
            "from commit to visible: p50 {:.2} ms, p99 {:.2} ms",
            self.visible_ms_p50, self.visible_ms_p99
        );
    }
}

/// The middle one; of none, not a number.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
