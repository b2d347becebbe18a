//! What came of it: a table, and a line of JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::ground::Ground;
use super::{Client, DemoError, SERVICE, at, steps};

const ACTIVE: &str = "active";
const FAILED: &str = "failed";

/// How many times its critical path a run may take.
const MOST_OVER_PATH: f64 = 1.2;

/// What came of the run.
pub struct Outcome {
    run: Value,
    service: Value,
    resources: Vec<Value>,
    events: usize,
    left_behind: Vec<String>,
}

impl Outcome {
    /// Asks the API for everything about the run, which ended at that position, and the service.
    pub async fn gather(
        client: &Client,
        run: &str,
        ended: &str,
        services: &str,
        made: Vec<String>,
    ) -> Result<Self, DemoError> {
        let events = pages(client, &format!("/api/v1/events?limit=200&after={ended}")).await?;
        let newest = events
            .iter()
            .filter_map(|e| at(e, "/position").as_str())
            .max_by_key(|p| order(p))
            .unwrap_or_default();
        let run = client.get(&format!("{run}?after={newest}")).await?;
        let service = client
            .get(&format!("{services}/{SERVICE}?after={newest}"))
            .await?;
        let resources = at(&service, "/resources").as_array().cloned().unwrap_or_default();
        // What an active service has in the tools is no leftover.
        let active = at(&service, "/lifecycle") == ACTIVE;
        let left_behind = if active { Vec::new() } else { made };
        Ok(Self {
            run,
            service,
            resources,
            events: events.len(),
            left_behind,
        })
    }

    fn state(&self) -> &'static str {
        if at(&self.service, "/lifecycle") == ACTIVE {
            ACTIVE
        } else {
            FAILED
        }
    }

    /// Whether it ended as the demo was asked to.
    pub fn is_as_asked(&self, failing: bool) -> bool {
        let wanted = if failing { FAILED } else { ACTIVE };
        self.state() == wanted && self.left_behind.is_empty()
    }

    /// Whether the run took hardly longer than its critical path: what can go side by side does. Says so where it did not.
    pub fn keeps_to_its_path(&self) -> bool {
        let (run, path) = (self.run_ms() as f64, self.critical_path_ms() as f64);
        let keeps = run <= path * MOST_OVER_PATH;
        if !keeps {
            println!(
                "\nthe run took {:.2} times its critical path; at most {MOST_OVER_PATH} is asked for",
                run / path
            );
        }
        keeps
    }

    fn run_ms(&self) -> i64 {
        let at = |field: &str| {
            at(&self.run, &format!("/{field}"))
                .as_str()
                .and_then(|t| t.parse::<DateTime<Utc>>().ok())
        };
        match (at("planned_at"), at("finished_at")) {
            (Some(from), Some(to)) => (to - from).num_milliseconds(),
            _ => 0,
        }
    }

    /// The longest chain of steps by the time that each spent in its tool.
    fn critical_path_ms(&self) -> u64 {
        let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
        for step in steps(&self.run) {
            let before = at(step, "/depends_on").as_array().into_iter().flatten();
            let start = before
                .filter_map(|d| ends.get(d.as_str()?))
                .max()
                .copied()
                .unwrap_or(0);
            let end = start + at(step, "/duration_ms").as_u64().unwrap_or(0);
            ends.insert(at(step, "/step").as_str().unwrap_or_default(), end);
        }
        ends.values().max().copied().unwrap_or(0)
    }

    fn tools(&self) -> Vec<String> {
        let mut tools: Vec<_> = steps(&self.run)
            .iter()
            .filter_map(|s| at(s, "/tool").as_str())
            .map(str::to_owned)
            .collect();
        tools.sort();
        tools.dedup();
        tools
    }

    /// Prints the table.
    pub fn print(&self, ground: &Ground) {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (run_ms, path_ms) = (self.run_ms(), self.critical_path_ms());
        println!(
            "\nservice {SERVICE}: {}   run: {} in {run_ms} ms (critical path {path_ms} ms)",
            self.state(),
            word(at(&self.run, "/status"))
        );
        if let Some(cause) = at(&self.run, "/cause").as_str() {
            println!("because {cause}");
        }
        println!("{} steps, {} events\n", steps(&self.run).len(), self.events);
        let there = self.resources.iter().filter(|r| at(r, "/removed_at").is_null());
        for resource in there {
            println!(
                "  {:<11} {:<22} {:<44} {}",
                word(at(resource, "/tool")),
                word(at(resource, "/kind")),
                word(at(resource, "/name")),
                word(at(resource, "/url"))
            );
        }
        if self.state() == FAILED {
            let tools = ground.sandbox().url();
            if self.left_behind.is_empty() {
                println!("nothing is left behind in any tool: {tools}/_sandbox/state is as it was before");
            } else {
                println!("left behind in the tools ({tools}/_sandbox/state):");
                self.left_behind.iter().for_each(|line| println!("  {line}"));
            }
        }
    }

    /// The line of JSON.
    pub fn json(&self) -> Value {
        json!({
            "service": self.state(),
            "tools": self.tools(),
            "steps": steps(&self.run).len(),
            "left_behind": self.left_behind.len(),
            "events": self.events,
            "run_ms": self.run_ms(),
            "critical_path_ms": self.critical_path_ms(),
        })
    }
}

/// All entries of a list, page after page.
async fn pages(client: &Client, first: &str) -> Result<Vec<Value>, DemoError> {
    let mut all = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let page = client.get(&path).await?;
        all.extend(at(&page, "/items").as_array().cloned().unwrap_or_default());
        next = at(&page, "/next").as_str().map(str::to_owned);
    }
    Ok(all)
}

/// A position's halves as numbers.
fn order(position: &str) -> (u64, u64) {
    let (transaction, place) = position.split_once('-').unwrap_or_default();
    (transaction.parse().unwrap_or(0), place.parse().unwrap_or(0))
}
