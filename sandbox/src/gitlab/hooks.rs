//! `/projects/:id/hooks`. The secret token goes in and never comes out.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Call;
use super::answers::{Answer, Refusal, created, no_content, ok};
use super::paging::page;
use super::world::{Hook, Project, now};

const EVENTS: &[&str] = &[
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "repository_update_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "vulnerability_events",
];
const TEXTS: &[&str] = &[
    "name",
    "description",
    "push_events_branch_filter",
    "custom_webhook_template",
    "branch_filter_strategy",
];

pub(crate) fn route(project: &mut Project, call: &Call<'_>, rest: &[&str], id: u64) -> Answer {
    match (call.method(), rest) {
        ("GET", []) => page(
            call,
            project
                .hooks
                .values()
                .map(|h| Value::Object(h.fields.clone()))
                .collect(),
        ),
        ("POST", []) => create(project, call, id),
        (_, [id]) => {
            let id: u64 = id
                .parse()
                .map_err(|_| Refusal::error(StatusCode::BAD_REQUEST, "hook_id is invalid"))?;
            let hook = project.hooks.get_mut(&id).ok_or_else(Refusal::no_record)?;
            match call.method() {
                "GET" => ok(&Value::Object(hook.fields.clone())),
                "PUT" => {
                    fill(&mut hook.fields, call)?;
                    if call.params.has("token") {
                        hook.token = call.params.filled("token");
                    }
                    ok(&Value::Object(hook.fields.clone()))
                }
                "DELETE" => {
                    let id = hook.id;
                    project.hooks.remove(&id);
                    no_content()
                }
                _ => Err(Refusal::no_such_route()),
            }
        }
        _ => Err(Refusal::no_such_route()),
    }
}

fn create(project: &mut Project, call: &Call<'_>, id: u64) -> Answer {
    if call.params.filled("url").is_none() {
        return Err(Refusal::missing(&["url"]));
    }
    let defaults = json!({
        "id": id, "project_id": project.id, "created_at": now(), "enable_ssl_verification": true,
        "alert_status": "executable", "disabled_until": null, "url_variables": [], "custom_headers": [],
        "branch_filter_strategy": "wildcard", "name": null, "description": null,
        "push_events_branch_filter": null, "custom_webhook_template": null,
    });
    let mut fields = match defaults {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for event in EVENTS {
        fields.insert((*event).to_owned(), (*event == "push_events").into());
    }
    fill(&mut fields, call)?;
    project.hooks.insert(
        id,
        Hook {
            id,
            fields: fields.clone(),
            token: call.params.filled("token"),
        },
    );
    created(&Value::Object(fields))
}

fn fill(fields: &mut Map<String, Value>, call: &Call<'_>) -> Result<(), Refusal> {
    if let Some(url) = call.params.text("url") {
        let valid = url::Url::parse(&url).is_ok_and(|u| ["http", "https"].contains(&u.scheme()));
        if !valid {
            return Err(Refusal::error(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Invalid url given",
            ));
        }
        fields.insert("url".to_owned(), url.into());
    }
    for name in TEXTS {
        if let Some(text) = call.params.text(name) {
            fields.insert((*name).to_owned(), text.into());
        }
    }
    for name in EVENTS.iter().chain(&["enable_ssl_verification"]) {
        if let Some(flag) = call.params.flag(name) {
            fields.insert((*name).to_owned(), flag.into());
        }
    }
    Ok(())
}
