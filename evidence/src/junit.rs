//! JUnit XML, as build tools of all languages write it.
//!
//! It is read as a stream. What counts is what is there of test cases, not what suites say there is; but a suite that
//! speaks of more failures than it shows is believed.

use opstella_domain::evidence::{ReportKind, TestCounts};
use quick_xml::Reader;
use quick_xml::errors::{Error as XmlError, SyntaxError};
use quick_xml::events::{BytesStart, Event};

use crate::ReportError;
use crate::json::parse_instant;
use crate::limits::MAX_DEPTH;
use crate::parsed::Body;
use crate::shape::wrong_tool;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    Skipped,
    Failed,
}

/// Where we are.
#[derive(Default)]
struct Progress {
    depth: usize,
    /// The root has been closed.
    closed: bool,
    /// The test case we are in: at which depth, and what is known of it.
    case: Option<(usize, Outcome)>,
    counts: TestCounts,
    /// Most failures and errors that a suite speaks of.
    declared: u32,
    body: Body,
}

/// Reads a report.
pub(crate) fn read(bytes: &[u8]) -> Result<Body, ReportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = place(bytes, error.valid_up_to());
        ReportError::NotXml { line, column }
    })?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut progress = Progress::default();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| refusal(&error, bytes, reader.error_position()))?;
        let ill_formed = || {
            let (line, column) = place(bytes, usize::try_from(reader.buffer_position()).unwrap_or(0));
            ReportError::NotXml { line, column }
        };
        match event {
            Event::Start(_) if progress.closed => return Err(ill_formed()),
            Event::Start(element) => progress.open(&element)?,
            Event::End(_) => progress.close(),
            Event::DocType(_) => return Err(ReportError::Entities),
            // Characters by number and the five names of XML itself are harmless.
            Event::GeneralRef(name)
                if !name.is_char_ref() && !matches!(&*name, "lt" | "gt" | "amp" | "apos" | "quot") =>
            {
                return Err(ReportError::Entities);
            }
            Event::Text(text) if progress.depth == 0 && !text.trim().is_empty() => return Err(ill_formed()),
            Event::GeneralRef(_) | Event::CData(_) if progress.depth == 0 => return Err(ill_formed()),
            Event::Eof => break,
            _ => {}
        }
    }
    if !progress.closed {
        let (line, column) = place(bytes, bytes.len());
        return Err(ReportError::Truncated { line, column });
    }
    progress.into_body()
}

impl Progress {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), ReportError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(ReportError::TooDeep { limit: MAX_DEPTH });
        }
        let name = element.local_name();
        let name: &str = name.as_ref();
        if self.depth == 1 && !matches!(name, "testsuites" | "testsuite") {
            return Err(wrong_tool("XML of another tool", ReportKind::Tests, &[]));
        }
        match (&mut self.case, name) {
            (None, "testsuites" | "testsuite") => self.suite(element),
            (None, "testcase") => self.case = Some((self.depth, of_attributes(element))),
            (Some((depth, outcome)), _) if depth.saturating_add(1) == self.depth => {
                let child = match name {
                    "failure" | "error" => Outcome::Failed,
                    "skipped" => Outcome::Skipped,
                    // Of output, properties, and failures of tries that were followed by a successful one.
                    _ => Outcome::Passed,
                };
                *outcome = child.max(*outcome);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some((depth, outcome)) = self.case
            && depth == self.depth
        {
            let count = match outcome {
                Outcome::Passed => &mut self.counts.passed,
                Outcome::Skipped => &mut self.counts.skipped,
                Outcome::Failed => &mut self.counts.failed,
            };
            *count = count.saturating_add(1);
            self.case = None;
        }
        self.depth = self.depth.saturating_sub(1);
        self.closed = self.depth == 0;
    }

    fn suite(&mut self, element: &BytesStart<'_>) {
        let mut declared: u32 = 0;
        // Checks compare every attribute with every other.
        for attribute in element.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "failures" | "errors" => {
                    let number = attribute.value.trim().parse().unwrap_or(0);
                    declared = declared.saturating_add(number);
                }
                "timestamp" if self.body.produced_at.is_none() => {
                    self.body.produced_at = parse_instant(&attribute.value);
                }
                _ => {}
            }
        }
        self.declared = self.declared.max(declared);
    }

    fn into_body(self) -> Result<Body, ReportError> {
        let mut counts = self.counts;
        counts.failed = counts.failed.max(self.declared);
        if counts.passed == 0 && counts.failed == 0 {
            let what = "no test was run";
            return Err(ReportError::Empty { what });
        }
        Ok(Body {
            tool: "junit".to_owned(),
            failed: counts.failed > 0,
            tests: Some(counts),
            ..self.body
        })
    }
}

/// GoogleTest says by attribute what was not run.
fn of_attributes(element: &BytesStart<'_>) -> Outcome {
    let mut attributes = element.attributes();
    let not_run = attributes.with_checks(false).flatten().any(|attribute| {
        attribute.key.as_ref() == "status" && matches!(&*attribute.value, "notrun" | "disabled" | "skipped")
    });
    if not_run {
        Outcome::Skipped
    } else {
        Outcome::Passed
    }
}

fn refusal(error: &XmlError, bytes: &[u8], position: u64) -> ReportError {
    match error {
        XmlError::Syntax(SyntaxError::UnclosedDoctype) => ReportError::Entities,
        XmlError::Syntax(SyntaxError::InvalidBangMarkup) | XmlError::IllFormed(_) => {
            let (line, column) = place(bytes, usize::try_from(position).unwrap_or(0));
            ReportError::NotXml { line, column }
        }
        // All others are of something that is not closed before the end.
        XmlError::Syntax(_) => {
            let (line, column) = place(bytes, bytes.len());
            ReportError::Truncated { line, column }
        }
        _ => {
            let (line, column) = place(bytes, usize::try_from(position).unwrap_or(0));
            ReportError::NotXml { line, column }
        }
    }
}

/// Line and column of a byte, both from 1.
fn place(bytes: &[u8], position: usize) -> (usize, usize) {
    let before = bytes.get(..position).unwrap_or(bytes);
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at.saturating_add(1));
    let line = before.iter().filter(|b| **b == b'\n').count().saturating_add(1);
    (line, before.len().saturating_sub(line_start).saturating_add(1))
}
