//! The faults that are armed, and which of them hits a request.

use std::sync::{Mutex, PoisonError};

use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;

use crate::{Fault, FaultError, Request};

/// A fault with how often it hit.
#[derive(Debug, Clone, Serialize)]
pub struct FaultReport {
    /// Number of the fault, from 1, in the order of their making.
    pub id: u64,
    /// How often it hit.
    pub hits: u64,
    /// As asked for.
    #[serde(flatten)]
    pub fault: Fault,
}

struct Armed {
    id: u64,
    fault: Fault,
    glob: Option<GlobMatcher>,
    matched: u64,
    hits: u64,
}

impl Armed {
    fn matches(&self, tool: &str, request: &Request) -> bool {
        (self.fault.tool == "*" || self.fault.tool == tool)
            && self
                .fault
                .method
                .as_ref()
                .is_none_or(|m| m.eq_ignore_ascii_case(request.method.as_str()))
            && self.glob.as_ref().is_none_or(|g| g.is_match(&request.path))
    }
}

#[derive(Default)]
struct Book {
    armed: Vec<Armed>,
    made: u64,
    hits: u64,
}

/// All faults of a sandbox.
#[derive(Default)]
pub(crate) struct FaultBook(Mutex<Book>);

impl FaultBook {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Arms a fault and gives its number.
    pub(crate) fn add(&self, fault: Fault, known: &[&str]) -> Result<u64, FaultError> {
        if fault.tool != "*" && !known.contains(&fault.tool.as_str()) {
            return Err(FaultError::UnknownTool {
                tool: fault.tool,
                known: known.join(", "),
            });
        }
        if fault.status.is_none() && fault.latency_ms.is_none() && fault.drop.is_none() {
            return Err(FaultError::Harmless);
        }
        if fault.status.is_some() && fault.drop.is_some() {
            return Err(FaultError::StatusAndDrop);
        }
        if let Some(status) = fault.status.filter(|s| !(200..600).contains(s)) {
            return Err(FaultError::Status(status));
        }
        if let Some(method) = &fault.method
            && !["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
                .iter()
                .any(|m| m.eq_ignore_ascii_case(method))
        {
            return Err(FaultError::Method(method.clone()));
        }
        let glob = match &fault.path {
            Some(path) => Some(
                GlobBuilder::new(path)
                    .literal_separator(true)
                    .build()?
                    .compile_matcher(),
            ),
            None => None,
        };
        let mut book = self.book();
        book.made += 1;
        let id = book.made;
        book.armed.push(Armed {
            id,
            fault,
            glob,
            matched: 0,
            hits: 0,
        });
        Ok(id)
    }

    /// The fault that hits this request: of those that match, the oldest that is past its `skip` and has hits
    /// left. A request counts against the `skip` of a fault unless an older fault hit it.
    pub(crate) fn strike(&self, tool: &str, request: &Request) -> Option<Fault> {
        let mut book = self.book();
        let mut struck = None;
        for armed in &mut book.armed {
            if !armed.matches(tool, request) {
                continue;
            }
            armed.matched += 1;
            let past_skip = armed.matched > armed.fault.skip.unwrap_or(0);
            let has_hits_left = armed.fault.times.is_none_or(|times| armed.hits < times);
            if past_skip && has_hits_left {
                armed.hits += 1;
                struck = Some(armed.fault.clone());
                break;
            }
        }
        if struck.is_some() {
            book.hits += 1;
        }
        struck
    }

    pub(crate) fn list(&self) -> Vec<FaultReport> {
        let report = |a: &Armed| FaultReport {
            id: a.id,
            hits: a.hits,
            fault: a.fault.clone(),
        };
        self.book().armed.iter().map(report).collect()
    }

    pub(crate) fn clear(&self) {
        self.book().armed.clear();
    }

    /// Hits since the start, those of cleared faults included.
    pub(crate) fn hits(&self) -> u64 {
        self.book().hits
    }
}
