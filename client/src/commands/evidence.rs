//! `opstella releases evidence`: reports of tools, as they wrote them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use flate2::Compression;
use flate2::write::GzEncoder;
use opstella_domain::evidence::{ReportKind, Suite};
use opstella_domain::release::ReleaseVersion;
use opstella_domain::{ComponentName, Environment, ServiceKey};
use reqwest::Method;

use super::path;
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::http::Request;

/// Largest report that the server reads.
const LARGEST: u64 = 32 << 20;
/// What is smaller is sent as it is.
const WORTH_PACKING: usize = 64 << 10;

/// Evidence.
#[derive(Debug, Subcommand)]
pub(super) enum Evidence {
    /// Add a report on the image of a component.
    Add(Add),
}

/// A report to be added.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Which service: project/service.
    service: ServiceKey,
    /// Which release.
    version: ReleaseVersion,
    /// The report as the tool wrote it; - is standard input.
    file: PathBuf,
    /// What it is: quality-gate, image-scan, filesystem-scan, config-scan, registry-scan, sbom, static-analysis,
    /// dynamic-scan or tests.
    #[arg(long)]
    kind: ReportKind,
    /// Of which component's image.
    #[arg(long, value_name = "NAME")]
    component: ComponentName,
    /// Which environment was scanned, of a dynamic-scan.
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<Environment>,
    /// When the scan began, of a dynamic-scan: 2026-11-25T10:30:00Z. Needed where its report does not say when it was made.
    #[arg(long, value_name = "INSTANT")]
    scanned_at: Option<DateTime<Utc>>,
    /// Which of several reports of tests, or of one tool's static-analysis, it is: unit. A later one of the same suite
    /// takes its place.
    #[arg(long, value_name = "NAME")]
    suite: Option<Suite>,
}

/// Adds it.
pub(super) async fn run(context: &Context, Evidence::Add(what): Evidence) -> Result<Answer, ClientError> {
    let api = context.api()?;
    let report = read_file(&what.file, LARGEST)?;
    let first = report
        .iter()
        .find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf));
    let content_type = match first {
        None => {
            return Err(ClientError::Usage(format!(
                "{}: it is empty",
                what.file.display()
            )));
        }
        Some(b'<') => "application/xml",
        Some(_) => "application/json",
    };
    let parameters = [
        ("kind", Some(what.kind.to_string())),
        ("component", Some(what.component.to_string())),
        ("environment", what.env.map(|env| env.to_string())),
        (
            "scanned_at",
            what.scanned_at
                .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        ),
        ("suite", what.suite.as_ref().map(Suite::to_string)),
    ];
    let path = format!("{}/evidence", path::release(&what.service, &what.version));
    let gzip = report.len() > WORTH_PACKING;
    let body = if gzip { packed(&report)? } else { report };
    let path = path::with_query(&path, &parameters);
    let answer = api
        .json(&Request::bytes(Method::POST, path, body, content_type, gzip))
        .await?;
    api.seen_answer(&answer).await;
    let line = format!("{} of {} {} is kept", what.kind, what.service, what.version);
    Ok(Answer::of(answer).line(line))
}

fn packed(report: &[u8]) -> Result<Vec<u8>, ClientError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(report).and_then(|()| encoder.finish());
    packed.map_err(|error| ClientError::Usage(format!("the report cannot be packed: {error}")))
}

/// The bytes of a file, or of standard input; no more than `largest`.
pub(super) fn read_file(path: &Path, largest: u64) -> Result<Vec<u8>, ClientError> {
    let wrong = |why: String| ClientError::Usage(format!("{}: {why}", path.display()));
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(largest + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(largest + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| wrong(error.to_string()))?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= largest => Ok(bytes),
        _ => Err(wrong(format!("it has more than {largest} bytes"))),
    }
}
