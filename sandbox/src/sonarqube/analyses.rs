//! `api/project_analyses`, the status of quality gates, and what a scanner leaves behind.

use hmac::{Hmac, KeyInit, Mac};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::answers::{Answer, Refusal, now, ok, page, required};
use super::projects;
use super::world::{Analysis, World};
use crate::admin::refuse;
use crate::params::Params;
use crate::{Reply, Request};

/// What is sent to a webhook once an analysis has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where to.
    pub url: String,
    /// `X-Sonar-Webhook-HMAC-SHA256`, where the webhook has a secret.
    pub signature: Option<String>,
    /// The JSON, as it was signed.
    pub body: String,
}

/// What a scanner reports, or somebody who resolves issues afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Analysed {
    project: String,
    revision: String,
    /// `OK`, `ERROR` or `NONE`.
    status: String,
}

/// `POST /analyses`: answers with what SonarQube sends to its webhooks, for whoever asks to send it.
pub(super) fn operate(world: &mut World, request: &Request) -> Option<Reply> {
    if request.method != Method::POST || request.path != "/analyses" {
        return None;
    }
    let done = match serde_json::from_slice::<Analysed>(&request.body) {
        Ok(done) => done,
        Err(error) => return Some(refuse(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    let Some(sent) = analyse(world, &done.project, &done.revision, &done.status) else {
        let missing = format!("there is no project `{}`", done.project);
        return Some(refuse(StatusCode::NOT_FOUND, &missing));
    };
    let sent: Vec<Value> = sent
        .into_iter()
        .map(|sent| json!({"url": sent.url, "signature": sent.signature, "body": sent.body}))
        .collect();
    Some(Reply::json(StatusCode::CREATED, &json!({"webhooks": sent})))
}

/// An analysis of the project ends; what is sent to its webhooks. `None` where there is no such project.
pub(super) fn analyse(world: &mut World, key: &str, revision: &str, status: &str) -> Option<Vec<Delivery>> {
    world.projects.get(key)?;
    world.analyses.push(Analysis {
        key: Uuid::new_v4().to_string(),
        project: key.to_owned(),
        date: now(),
        revision: revision.to_owned(),
        status: status.to_owned(),
        live: status.to_owned(),
    });
    deliveries(world, key)
}

/// Somebody resolves issues of the newest analysis: the gate has another status from then on.
pub(super) fn triage(world: &mut World, key: &str, status: &str) -> Option<Vec<Delivery>> {
    let newest = world.analyses.iter_mut().rev().find(|a| a.project == key)?;
    status.clone_into(&mut newest.live);
    deliveries(world, key)
}

fn deliveries(world: &World, key: &str) -> Option<Vec<Delivery>> {
    let (project, newest) = (world.projects.get(key)?, newest(world, key)?);
    let gate = project.gate.as_ref().unwrap_or(&world.default_gate);
    let body = json!({
        "serverUrl": "https://sonarqube.example", "taskId": Uuid::new_v4().to_string(), "status": "SUCCESS",
        "analysedAt": newest.date, "revision": newest.revision, "changedAt": now(),
        "project": {
            "key": key, "name": project.name, "url": format!("https://sonarqube.example/dashboard?id={key}"),
        },
        "branch": {
            "name": "main", "type": "BRANCH", "isMain": true,
            "url": format!("https://sonarqube.example/dashboard?id={key}"),
        },
        "qualityGate": {
            "name": gate, "status": newest.live,
            "conditions": [{
                "metric": "new_coverage", "operator": "LESS_THAN", "status": newest.live,
                "errorThreshold": "80", "value": actual(&newest.live),
            }],
        },
        "properties": {},
    })
    .to_string();
    let hooks = world.webhooks.iter();
    let concerned = hooks.filter(|hook| hook.project.as_deref().is_none_or(|project| project == key));
    let sent = concerned.map(|hook| Delivery {
        url: hook.url.clone(),
        signature: hook.secret.as_deref().and_then(|secret| sign(secret, &body)),
        body: body.clone(),
    });
    Some(sent.collect())
}

fn sign(secret: &str, body: &str) -> Option<String> {
    let mut hash = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    hash.update(body.as_bytes());
    Some(hex::encode(hash.finalize().into_bytes()))
}

fn newest<'w>(world: &'w World, project: &str) -> Option<&'w Analysis> {
    world.analyses.iter().rev().find(|a| a.project == project)
}

fn actual(status: &str) -> &'static str {
    if status == "ERROR" { "12.0" } else { "91.4" }
}

/// The newest first.
pub(crate) fn search(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "project")?;
    projects::find(world, &key)?;
    let of_project = world.analyses.iter().rev().filter(|a| a.project == key);
    let analyses: Vec<Value> = of_project.map(view).collect();
    let (paging, analyses) = page(params, analyses)?;
    ok(&json!({"paging": paging, "analyses": analyses}))
}

fn view(analysis: &Analysis) -> Value {
    json!({
        "key": analysis.key, "date": analysis.date, "events": [], "projectVersion": "not provided",
        "manualNewCodePeriodBaseline": false, "revision": analysis.revision, "detectedCI": "Gitlab CI",
    })
}

/// The status of a project as it is now, or of one analysis as it ended.
pub(crate) fn project_status(world: &mut World, params: &Params) -> Answer {
    let status = match (params.filled("analysisId"), params.filled("projectKey")) {
        (Some(id), None) => {
            let found = world.analyses.iter().find(|a| a.key == id);
            let missing = || Refusal::not_found(&format!("Analysis with id '{id}' is not found"));
            found.ok_or_else(missing)?.status.clone()
        }
        (None, Some(key)) => {
            projects::find(world, &key)?;
            newest(world, &key).map_or_else(|| "NONE".to_owned(), |newest| newest.live.clone())
        }
        _ => {
            return Err(Refusal::bad(
                "Either 'analysisId', 'projectId' or 'projectKey' must be provided",
            ));
        }
    };
    let conditions = match status.as_str() {
        "NONE" => json!([]),
        _ => json!([{
            "status": status, "metricKey": "new_coverage", "comparator": "LT", "errorThreshold": "80",
            "actualValue": actual(&status),
        }]),
    };
    ok(&json!({"projectStatus": {
        "status": status, "conditions": conditions, "ignoredConditions": false, "caycStatus": "compliant",
    }}))
}
