//! Which report a later one of the same kind takes the place of, where there are several of it.

use std::fmt;
use std::str::FromStr;

use super::{Evidence, ReportKind};
use crate::InvalidValue;

/// Most reports of a kind that count beside each other on one image. None is dropped for another, which would hide it.
pub const MAX_SERIES: usize = 20;

/// Longest name of a suite, in characters.
const LONGEST: usize = 60;

/// What a pipeline calls one of several reports of a kind: `unit`, `e2e`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite(String);

impl FromStr for Suite {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if (1..=LONGEST).contains(&value.len()) && value.bytes().all(fits) {
            return Ok(Self(value.to_owned()));
        }
        let rule = format!("1 to {LONGEST} of the letters a to z and A to Z, digits, `-`, `_` and `.`");
        Err(InvalidValue::new("suite", value, rule))
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Evidence {
    /// The same, sent as one of several: a later one of that suite takes its place, and no other.
    #[must_use]
    pub fn of_suite(self, suite: Option<&Suite>) -> Self {
        let Some(suite) = suite else {
            return self;
        };
        let series = match &self.series {
            None => suite.to_string(),
            Some(tools) => format!("{tools}: {suite}"),
        };
        Self {
            series: Some(series),
            ..self
        }
    }

    /// Which series of reports of its kind it belongs to. Of static analysis of before that was recorded, it is that of
    /// its tool.
    pub fn series(&self) -> Option<&str> {
        match (&self.series, self.kind) {
            (None, ReportKind::StaticAnalysis) => Some(without_version(&self.tool)),
            (series, _) => series.as_deref(),
        }
    }

    /// Whether there may be several of its kind.
    pub(super) fn has_series(&self) -> bool {
        matches!(self.kind, ReportKind::StaticAnalysis | ReportKind::Tests)
    }
}

/// The name of a tool: `gosec 2.21.4` is `gosec`, `Semgrep OSS 1.96.0` is `Semgrep OSS`.
fn without_version(tool: &str) -> &str {
    match tool.rsplit_once(' ') {
        Some((name, version)) if version.bytes().any(|b| b.is_ascii_digit()) => name,
        _ => tool,
    }
}
