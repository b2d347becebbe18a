//! Asks each query in turn, and takes the time from the question to its answer as a value.

use std::time::Instant;

use chrono::{DateTime, Utc};
use opstella_projections::Queries;
use opstella_projections::queries::{DeliveryScope, PageRequest, PromotionFilter, Reader, SetupReader};
use serde::Serialize;
use sqlx::PgPool;

use crate::BenchError;
use crate::percentile::percentile;

/// Items of a page.
const PAGE: u32 = 50;
/// Asked first and not counted: connections and prepared statements are there then.
const WARM_UP: u32 = 30;
const WEEKS: u32 = 12;

/// Milliseconds of each query.
#[derive(Debug, Default)]
pub struct Report {
    select_1: Vec<f64>,
    matrix: Vec<f64>,
    board: Vec<f64>,
    dora: Vec<f64>,
}

/// The result, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Figures {
    select_1_p99_ms: f64,
    matrix_p99_ms: f64,
    board_p99_ms: f64,
    dora_p99_ms: f64,
}

/// Asks everything `rounds` times, interleaved.
pub async fn measure(
    queries: &Queries,
    pool: &PgPool,
    rounds: u32,
    now: DateTime<Utc>,
) -> Result<Report, BenchError> {
    let mut report = Report::default();
    let (mut matrix, mut board) = (None, None);
    for round in 0..WARM_UP + rounds {
        let counts = round >= WARM_UP;
        let keep = |times: &mut Vec<f64>, started: Instant| {
            if counts {
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
        };
        let started = Instant::now();
        sqlx::query("SELECT 1").execute(pool).await?;
        keep(&mut report.select_1, started);

        // From page to page; when all are seen, from the first again. Each fourth page is a project's.
        let project = (round % 4 == 3).then(|| format!("team-{}", round % 100));
        let reader = reader(round);
        let page = match project {
            Some(_) => PageRequest::first(PAGE),
            None => page_after(matrix.take()),
        };
        let started = Instant::now();
        let seen = queries.matrix(project.as_deref(), &reader, &page).await?;
        keep(&mut report.matrix, started);
        if seen.items.is_empty() && reader == Reader::Everything {
            return Err(BenchError::Unexpected("the matrix is empty".to_owned()));
        }
        if project.is_none() {
            matrix = seen.next;
        }

        let (filter, walks) = filter(round);
        let page = if walks {
            page_after(board.take())
        } else {
            PageRequest::first(PAGE)
        };
        let started = Instant::now();
        let seen = queries.promotions(&filter, &reader, &page).await?;
        keep(&mut report.board, started);
        if walks {
            board = seen.next;
        }

        let started = Instant::now();
        let weeks = queries.delivery(&scope(round), WEEKS, now).await?;
        keep(&mut report.dora, started);
        let platform = round.is_multiple_of(3);
        if platform && !weeks.iter().any(|week| week.deployments > 0) {
            return Err(BenchError::Unexpected("nothing was delivered".to_owned()));
        }
    }
    Ok(report)
}

/// Every other question is asked by a member of ten projects.
fn reader(round: u32) -> Reader {
    match round % 2 {
        0 => Reader::Everything,
        _ => Reader::Some {
            member: Some("somebody".to_owned()),
            projects: (0..10)
                .map(|n| format!("team-{}", (round + n * 7) % 100))
                .collect(),
            setup: SetupReader::default(),
        },
    }
}

/// The platform's metrics, a project's, a service's.
fn scope(round: u32) -> DeliveryScope {
    let project = (!round.is_multiple_of(3)).then(|| format!("team-{}", round % 100));
    let service = (round % 3 > 1).then(|| format!("service-{}", round % 10));
    DeliveryScope { project, service }
}

fn page_after(cursor: Option<String>) -> PageRequest {
    match cursor {
        Some(cursor) => PageRequest::after(PAGE, cursor),
        None => PageRequest::first(PAGE),
    }
}

/// What people look at: all that is open, page by page; a project's; what waits; PRD's failures; everything.
fn filter(round: u32) -> (PromotionFilter, bool) {
    let project = Some(format!("team-{}", round % 100));
    let any = PromotionFilter::default();
    match round % 6 {
        0 | 1 => (PromotionFilter { open: true, ..any }, true),
        2 => {
            let open = true;
            (PromotionFilter { project, open, ..any }, false)
        }
        3 => {
            let state = Some("waiting".to_owned());
            (PromotionFilter { state, ..any }, false)
        }
        4 => {
            let (environment, state) = (Some("PRD".to_owned()), Some("rolled-back".to_owned()));
            let narrow = PromotionFilter {
                environment,
                state,
                ..any
            };
            (narrow, false)
        }
        _ => (PromotionFilter { project, ..any }, false),
    }
}

impl Report {
    /// The last line of `--json`.
    pub fn json(&self) -> Figures {
        let p99 = |times: &[f64]| percentile(times.to_vec(), 0.99);
        Figures {
            select_1_p99_ms: p99(&self.select_1),
            matrix_p99_ms: p99(&self.matrix),
            board_p99_ms: p99(&self.board),
            dora_p99_ms: p99(&self.dora),
        }
    }

    /// One line for each query.
    pub fn print_table(&self, target: f64) {
        println!(
            "{:<24} {:>9} {:>9} {:>16} {:>12}",
            "query", "p50 ms", "p99 ms", "p99/SELECT 1", "target"
        );
        let base = percentile(self.select_1.clone(), 0.99);
        let rows = [
            ("SELECT 1", &self.select_1),
            ("matrix, a page of 50", &self.matrix),
            ("board, a page of 50", &self.board),
            ("DORA, 12 weeks", &self.dora),
        ];
        for (name, times) in rows {
            let p50 = percentile(times.clone(), 0.5);
            let p99 = percentile(times.clone(), 0.99);
            let target = match p99 < target {
                _ if name == "SELECT 1" => "",
                true => "reached",
                false => "not reached",
            };
            println!(
                "{name:<24} {p50:>9.2} {p99:>9.2} {:>16.1} {target:>12}",
                p99 / base
            );
        }
    }
}
