//! `api/user_tokens`. A token's value is given once, when it is made.

use rand::RngExt;
use serde_json::{Value, json};

use super::answers::{Answer, Refusal, at_most, no_content, now, ok, required};
use super::projects;
use super::world::{Token, TokenKind, World};
use crate::params::Params;

const LOGIN: &str = "admin";

pub(crate) fn generate(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    at_most("name", &name, 100)?;
    check_login(params)?;
    let given = params.filled("type").unwrap_or_else(|| "USER_TOKEN".to_owned());
    let kind = match given.as_str() {
        "USER_TOKEN" => TokenKind::User,
        "GLOBAL_ANALYSIS_TOKEN" => TokenKind::GlobalAnalysis,
        "PROJECT_ANALYSIS_TOKEN" => TokenKind::ProjectAnalysis,
        _ => {
            return Err(Refusal::bad(&format!(
                "Value of parameter 'type' ({given}) must be one of: [USER_TOKEN, GLOBAL_ANALYSIS_TOKEN, \
                 PROJECT_ANALYSIS_TOKEN]"
            )));
        }
    };
    let project = match (kind, params.filled("projectKey")) {
        (TokenKind::ProjectAnalysis, None) => {
            return Err(Refusal::bad(
                "A projectKey is needed when creating Project Analysis Token",
            ));
        }
        (TokenKind::ProjectAnalysis, Some(key)) => Some(projects::find(world, &key)?.key.clone()),
        _ => None,
    };
    let expires_on = expiration(params)?;
    if world.tokens.iter().any(|t| t.name == name) {
        return Err(Refusal::bad(&format!(
            "A user token for login '{LOGIN}' and name '{name}' already exists"
        )));
    }
    let random: [u8; 20] = rand::rng().random();
    let secret = format!("{}_{}", prefix(kind), hex::encode(random));
    let token = Token {
        name,
        secret,
        kind,
        project,
        created_at: now(),
        expires_on,
    };
    let mut body = json!({
        "login": LOGIN, "name": token.name, "token": token.secret, "createdAt": token.created_at,
        "type": given,
    });
    if let Some(fields) = body.as_object_mut() {
        if let Some(key) = &token.project {
            fields.insert("projectKey".to_owned(), key.as_str().into());
        }
        if let Some(date) = &token.expires_on {
            fields.insert("expirationDate".to_owned(), date.as_str().into());
        }
    }
    world.tokens.push(token);
    ok(&body)
}

pub(crate) fn search(world: &mut World, params: &Params) -> Answer {
    check_login(params)?;
    let tokens: Vec<Value> = world.tokens.iter().map(|t| view(world, t)).collect();
    ok(&json!({"login": LOGIN, "userTokens": tokens}))
}

pub(crate) fn revoke(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    check_login(params)?;
    // Revoking what is not there is fine with SonarQube.
    world.tokens.retain(|t| t.name != name);
    no_content()
}

fn check_login(params: &Params) -> Result<(), Refusal> {
    match params.filled("login") {
        Some(login) if login != LOGIN => Err(Refusal::not_found(&format!(
            "User with login '{login}' doesn't exist"
        ))),
        _ => Ok(()),
    }
}

fn expiration(params: &Params) -> Result<Option<String>, Refusal> {
    let Some(text) = params.filled("expirationDate") else {
        return Ok(None);
    };
    let Ok(date) = chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d") else {
        return Err(Refusal::bad(&format!(
            "Supplied date format for parameter expirationDate is wrong. Please supply date in the ISO 8601 date format (YYYY-MM-DD): {text}"
        )));
    };
    let earliest = chrono::Utc::now().date_naive() + chrono::Days::new(1);
    if date < earliest {
        return Err(Refusal::bad(&format!(
            "The minimum value for parameter expirationDate is {earliest}."
        )));
    }
    Ok(Some(format!("{date}T00:00:00+0000")))
}

fn prefix(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::User => "squ",
        TokenKind::GlobalAnalysis => "sqa",
        TokenKind::ProjectAnalysis => "sqp",
    }
}

fn view(world: &World, token: &Token) -> Value {
    let kind = match token.kind {
        TokenKind::User => "USER_TOKEN",
        TokenKind::GlobalAnalysis => "GLOBAL_ANALYSIS_TOKEN",
        TokenKind::ProjectAnalysis => "PROJECT_ANALYSIS_TOKEN",
    };
    let mut body =
        json!({"name": token.name, "createdAt": token.created_at, "type": kind, "isExpired": false});
    if let Some(fields) = body.as_object_mut() {
        if let Some(project) = token.project.as_ref().and_then(|key| world.projects.get(key)) {
            fields.insert(
                "project".to_owned(),
                json!({"key": project.key, "name": project.name}),
            );
        }
        if let Some(date) = &token.expires_on {
            fields.insert("expirationDate".to_owned(), date.as_str().into());
        }
    }
    body
}
