//! `opstella releases`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use opstella_domain::release::{Commit, Digest, ReleaseVersion};
use opstella_domain::{ComponentName, InvalidValue, ServiceKey};
use reqwest::Method;
use serde_json::{Value, json};

use super::evidence::{self, Evidence};
use super::path;
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::http::Api;
use crate::output::{Cell, Table};
use crate::values::{ago, at, list, set, who, word_at};

/// Releases.
#[derive(Debug, Args)]
pub struct Releases {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The releases of a service, the newest first.
    List {
        /// Which service: project/service.
        service: ServiceKey,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// A release with its images, evidence and waivers.
    Show {
        /// Which service: project/service.
        service: ServiceKey,
        /// Which release.
        version: ReleaseVersion,
    },
    /// Register images of a version. Once it has one of every component it is sealed, and goes to DEV.
    Register(Register),
    /// Seal a release that has no image of some component: that component keeps what it runs.
    Seal {
        /// Which service: project/service.
        service: ServiceKey,
        /// Which release.
        version: ReleaseVersion,
    },
    /// Evidence of a release.
    #[command(subcommand)]
    Evidence(Evidence),
}

#[derive(Debug, Args)]
struct Register {
    /// Which service: project/service.
    service: ServiceKey,
    /// Which version.
    version: ReleaseVersion,
    /// The image of a component: api=sha256:… Once for each.
    #[arg(long = "image", required = true, value_name = "COMPONENT=DIGEST", value_parser = image)]
    images: Vec<(ComponentName, Digest)>,
    /// From which commit the images are: all 40 or 64 digits.
    #[arg(long, env = "CI_COMMIT_SHA")]
    commit: Commit,
    /// When the commit was made, as in 2026-11-25T09:30:00+01:00: lead times begin there.
    #[arg(long, env = "CI_COMMIT_TIMESTAMP", value_name = "TIME", value_parser = instant)]
    committed_at: Option<Instant>,
    /// By which pipeline they were made: a link.
    #[arg(long, env = "CI_PIPELINE_URL", value_name = "URL")]
    pipeline: Option<String>,
    /// Who wrote what is in it, by the names that they sign in with; you, if nobody is named. Machines have to name
    /// somebody.
    #[arg(long = "author", env = "GITLAB_USER_LOGIN", value_name = "SUBJECT")]
    authors: Vec<String>,
}

/// An instant; none where a variable is set to nothing, which counts as not set.
#[derive(Debug, Clone, Copy)]
struct Instant(Option<DateTime<Utc>>);

fn instant(text: &str) -> Result<Instant, chrono::ParseError> {
    match text {
        "" => Ok(Instant(None)),
        text => text.parse().map(|at| Instant(Some(at))),
    }
}

fn image(text: &str) -> Result<(ComponentName, Digest), String> {
    let invalid = |error: InvalidValue| error.to_string();
    let (component, digest) = text.split_once('=').ok_or("written as COMPONENT=DIGEST")?;
    Ok((
        component.parse().map_err(invalid)?,
        digest.parse().map_err(invalid)?,
    ))
}

/// Lists, shows, registers, seals or adds evidence.
pub(crate) async fn run(context: &Context, what: Releases) -> Result<Answer, ClientError> {
    match what.command {
        Command::List { service, limit } => all(&context.api()?, &service, limit).await,
        Command::Show { service, version } => {
            let found = context.api()?.get(&path::release(&service, &version)).await?;
            Ok(shown(found, &service))
        }
        Command::Register(register) => add(&context.api()?, register).await,
        Command::Seal { service, version } => {
            let path = format!("{}/seal", path::release(&service, &version));
            let api = context.api()?;
            let answer = api.command(Method::POST, &path, &json!({})).await?;
            api.seen_answer(&answer).await;
            Ok(Answer::of(answer).line(format!("{service} {version} is sealed")))
        }
        Command::Evidence(what) => evidence::run(context, what).await,
    }
}

async fn add(api: &Api, what: Register) -> Result<Answer, ClientError> {
    let components = what.images.iter().map(|(component, digest)| {
        let mut body = json!({"name": component, "digest": digest, "commit": what.commit});
        if let Some(pipeline) = what.pipeline.as_ref().filter(|link| !link.is_empty()) {
            set(&mut body, "pipeline", pipeline.as_str());
        }
        if let Some(at) = what.committed_at.and_then(|Instant(at)| at) {
            set(&mut body, "committed_at", at.to_rfc3339());
        }
        body
    });
    let mut body = json!({"version": what.version, "components": components.collect::<Vec<_>>()});
    let mut authors = what.authors.iter().filter(|name| !name.trim().is_empty());
    if let Some(author) = authors.next() {
        set(&mut body, "author", author.as_str());
    }
    let others: Vec<&String> = authors.collect();
    if !others.is_empty() {
        set(&mut body, "authors", json!(others));
    }
    let path = format!("{}/releases", path::service(&what.service));
    let answer = api.command(Method::POST, &path, &body).await?;
    api.seen_answer(&answer).await;
    Ok(Answer::of(answer).line(format!("{} {} is registered", what.service, what.version)))
}

async fn all(api: &Api, service: &ServiceKey, limit: usize) -> Result<Answer, ClientError> {
    let releases = api
        .list(&format!("{}/releases", path::service(service)), limit)
        .await?;
    let now = Utc::now();
    let mut table = Table::new(["version", "sealed", "runs in", "authors", "registered"]);
    for release in &releases {
        table.row([
            word_at(release, "/release").into(),
            word_at(release, "/sealed").into(),
            word_at(release, "/runs_in").into(),
            who(release, "/authors").into(),
            ago(at(release, "/registered_at"), now).into(),
        ]);
    }
    Ok(Answer::of(Value::from(releases)).table(table, "there is no release"))
}

fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

fn shown(release: Value, service: &ServiceKey) -> Answer {
    let sealed = if at(&release, "/sealed") == true {
        "sealed"
    } else {
        "not sealed"
    };
    let head = format!("{service} {}: {sealed}", word_at(&release, "/release"));
    let (images, reports) = (images(&release), reports(&release));
    let (waivers, journey) = (waivers(&release), journey(&release));
    Answer::of(release)
        .line(head)
        .line("")
        .table(images, "it has no image")
        .more(reports)
        .more(waivers)
        .more(journey)
}

fn images(release: &Value) -> Table {
    let mut table = Table::new(["component", "digest", "commit", "author", "pipeline"]);
    for image in list(at(release, "/images")) {
        table.row([
            word_at(image, "/component").into(),
            word_at(image, "/digest").into(),
            short(&word_at(image, "/commit")).into(),
            who(image, "/author").into(),
            word_at(image, "/pipeline").into(),
        ]);
    }
    table
}

fn reports(release: &Value) -> Table {
    let mut table = Table::new([
        "evidence",
        "component",
        "tool",
        "origin",
        "verdict",
        "critical",
        "high",
    ]);
    for image in list(at(release, "/images")) {
        for one in list(at(image, "/evidence")) {
            let word = |pointer| word_at(one, pointer);
            table.row([
                named(&word("/kind"), &[word("/environment"), word("/series")]).into(),
                word_at(image, "/component").into(),
                word("/tool").into(),
                word("/origin").into(),
                Cell::state(word("/verdict")),
                word("/counts/critical").into(),
                word("/counts/high").into(),
            ]);
        }
    }
    table
}

/// A kind, with what tells it from others of the kind.
fn named(kind: &str, more: &[String]) -> String {
    let more = more.iter().map(String::as_str).filter(|word| !word.is_empty());
    std::iter::once(kind).chain(more).collect::<Vec<_>>().join(" ")
}

fn waivers(release: &Value) -> Table {
    let mut table = Table::new(["waiver", "gate", "finding", "until", "reason"]);
    for one in list(at(release, "/waivers")) {
        let word = |pointer| word_at(one, pointer);
        let until = match word("/revoked_at") {
            revoked if revoked.is_empty() => word("/expires_at"),
            revoked => format!("revoked {revoked}"),
        };
        table.row([
            word("/id").into(),
            word("/gate").into(),
            word("/finding").into(),
            until.into(),
            word("/reason").into(),
        ]);
    }
    table
}

/// Its promotions: where it came, and where it is.
fn journey(release: &Value) -> Table {
    let now = Utc::now();
    let mut table = Table::new(["promotion", "to", "state", "requester", "since"]);
    for one in list(at(release, "/journey")) {
        let since = ["/finished_at", "/started_at", "/requested_at"].map(|pointer| at(one, pointer));
        let since = since.into_iter().find(|instant| !instant.is_null());
        table.row([
            word_at(one, "/id").into(),
            word_at(one, "/environment").into(),
            Cell::state(word_at(one, "/state")),
            who(one, "/requester").into(),
            since.map_or_else(String::new, |instant| ago(instant, now)).into(),
        ]);
    }
    table
}
