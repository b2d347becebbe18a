//! `api/webhooks`. The secret goes in and never comes out.

use serde_json::{Value, json};
use uuid::Uuid;

use super::answers::{Answer, Refusal, at_most, no_content, ok, required};
use super::projects;
use super::world::{Webhook, World};
use crate::params::Params;

const MOST_PER_PROJECT: usize = 10;

pub(crate) fn create(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    at_most("name", &name, 100)?;
    let url = url(params)?;
    let secret = secret(params)?;
    let project = project(world, params)?;
    if world.webhooks.iter().filter(|w| w.project == project).count() >= MOST_PER_PROJECT {
        return Err(Refusal::bad(&match &project {
            Some(key) => format!("Maximum number of webhook reached for project '{key}'"),
            None => "Maximum number of global webhooks reached".to_owned(),
        }));
    }
    let webhook = Webhook {
        key: Uuid::new_v4().to_string(),
        name,
        url,
        secret,
        project,
    };
    let body = json!({"webhook": view(&webhook)});
    world.webhooks.push(webhook);
    ok(&body)
}

pub(crate) fn list(world: &mut World, params: &Params) -> Answer {
    let project = project(world, params)?;
    let webhooks: Vec<Value> = world
        .webhooks
        .iter()
        .filter(|w| w.project == project)
        .map(view)
        .collect();
    ok(&json!({"webhooks": webhooks}))
}

pub(crate) fn update(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "webhook")?;
    let name = required(params, "name")?;
    at_most("name", &name, 100)?;
    let url = url(params)?;
    let secret = secret(params)?;
    let found = world.webhooks.iter_mut().find(|w| w.key == key);
    let webhook = found.ok_or_else(|| missing(&key))?;
    webhook.name = name;
    webhook.url = url;
    // An empty secret removes it, an absent one keeps it.
    if secret.is_some() || params.has("secret") {
        webhook.secret = secret;
    }
    no_content()
}

pub(crate) fn delete(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "webhook")?;
    let at = world
        .webhooks
        .iter()
        .position(|w| w.key == key)
        .ok_or_else(|| missing(&key))?;
    world.webhooks.remove(at);
    no_content()
}

fn missing(key: &str) -> Refusal {
    Refusal::not_found(&format!("No webhook with key '{key}'"))
}

fn project(world: &World, params: &Params) -> Result<Option<String>, Refusal> {
    match params.filled("project") {
        Some(key) => Ok(Some(projects::find(world, &key)?.key.clone())),
        None => Ok(None),
    }
}

fn url(params: &Params) -> Result<String, Refusal> {
    let url = required(params, "url")?;
    at_most("url", &url, 512)?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Refusal::bad(
            "url parameter must start with 'http://' or 'https://'",
        ));
    }
    if url::Url::parse(&url).is_err() {
        return Err(Refusal::bad(&format!(
            "Url parameter with value '{url}' is not a valid url"
        )));
    }
    Ok(url)
}

fn secret(params: &Params) -> Result<Option<String>, Refusal> {
    let Some(secret) = params.filled("secret") else {
        return Ok(None);
    };
    let length = secret.chars().count();
    if length < 16 {
        let message = format!("'secret' length ({length}) is shorter than the minimum authorized (16)");
        return Err(Refusal::bad(&message));
    }
    at_most("secret", &secret, 200)?;
    Ok(Some(secret))
}

fn view(webhook: &Webhook) -> Value {
    json!({
        "key": webhook.key, "name": webhook.name, "url": webhook.url, "hasSecret": webhook.secret.is_some(),
    })
}
