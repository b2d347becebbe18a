//! `opstella waivers`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use opstella_domain::ServiceKey;
use opstella_domain::policy::GateName;
use opstella_domain::release::ReleaseVersion;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::path;
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::http::Api;
use crate::values::{at, duration, instant, list, rfc3339, set, word_at};

/// Waivers: a gate, or one finding of it, that does not count for a release for a while.
#[derive(Debug, Args)]
pub struct Waivers {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Waive a gate.
    Grant(Grant),
    /// Take a waiver back.
    Revoke {
        /// Which service: project/service.
        service: ServiceKey,
        /// Which release.
        version: ReleaseVersion,
        /// Which waiver.
        waiver: Uuid,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Args)]
struct Grant {
    /// Which service: project/service.
    service: ServiceKey,
    /// Which release.
    version: ReleaseVersion,
    /// Which gate.
    #[arg(long)]
    gate: GateName,
    /// Only this finding of it.
    #[arg(long, value_name = "ID")]
    finding: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how long, at most 90d.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, required_unless_present = "until")]
    length: Option<Duration>,
    /// Until when: 2026-12-24T18:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "length")]
    until: Option<DateTime<Utc>>,
}

/// Grants or revokes.
pub(crate) async fn run(context: &Context, what: Waivers) -> Result<Answer, ClientError> {
    let api = context.api()?;
    match what.command {
        Command::Grant(grant) => {
            let until = grant.until.unwrap_or_else(|| {
                let length = grant.length.unwrap_or_default();
                Utc::now() + TimeDelta::from_std(length).unwrap_or_default()
            });
            let mut body = json!({"gate": grant.gate, "reason": grant.reason, "expires_at": rfc3339(until)});
            if let Some(finding) = &grant.finding {
                set(&mut body, "finding", finding.as_str());
            }
            let path = format!("{}/waivers", path::release(&grant.service, &grant.version));
            let answer = api.command(Method::POST, &path, &body).await?;
            Ok(granted(&api, answer, &grant, until).await)
        }
        Command::Revoke {
            service,
            version,
            waiver,
            reason,
        } => {
            let path = format!("{}/waivers/{waiver}", path::release(&service, &version));
            let answer = api
                .command(Method::DELETE, &path, &json!({ "reason": reason }))
                .await?;
            api.seen_answer(&answer).await;
            Ok(Answer::of(answer).line(format!("waiver {waiver} counts no more")))
        }
    }
}

/// What was granted, with its id: the answer names the release only. It was granted, whether it can be read or not.
async fn granted(api: &Api, mut answer: Value, grant: &Grant, until: DateTime<Utc>) -> Answer {
    let release = path::release(&grant.service, &grant.version);
    let after = word_at(&answer, "/position");
    let found = api.get(&format!("{release}?after={after}")).await.ok();
    let of_it = |waiver: &&Value| {
        let finding = grant.finding.as_deref().unwrap_or_default();
        word_at(waiver, "/gate") == grant.gate.to_string()
            && word_at(waiver, "/finding") == finding
            && word_at(waiver, "/reason") == grant.reason
    };
    let all = found
        .as_ref()
        .map_or(&[][..], |release| list(at(release, "/waivers")));
    let line = format!("waived until {}", rfc3339(until));
    let Some(waiver) = all.iter().rfind(of_it) else {
        let show = format!("opstella releases show {} {}", grant.service, grant.version);
        return Answer::of(answer).line(format!("{line}; its id: {show}"));
    };
    let line = format!("{line}: waiver {}", word_at(waiver, "/id"));
    set(&mut answer, "waiver", waiver.clone());
    Answer::of(answer).line(line)
}
