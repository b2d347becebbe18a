//! `/projects/:id/variables`.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::answers::{Answer, Refusal, created, no_content, ok};
use super::paging::page;
use super::world::{Project, Variable};

pub(crate) fn route(project: &mut Project, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method(), rest) {
        ("GET", []) => page(call, project.variables.iter().map(view).collect()),
        ("POST", []) => create(project, call),
        ("GET", [key]) => {
            let at = find(project, call, key)?;
            ok(&project.variables.get(at).map(view).unwrap_or_default())
        }
        ("PUT", [key]) => update(project, call, key),
        ("DELETE", [key]) => {
            let at = find(project, call, key)?;
            project.variables.remove(at);
            no_content()
        }
        _ => Err(Refusal::no_such_route()),
    }
}

/// The variable of this key, and of `filter[environment_scope]` where several have it.
fn find(project: &Project, call: &Call<'_>, key: &str) -> Result<usize, Refusal> {
    let nested = call
        .params
        .value("filter")
        .and_then(|f| f.get("environment_scope"))
        .and_then(Value::as_str);
    let scope = call
        .params
        .filled("filter[environment_scope]")
        .or_else(|| nested.map(str::to_owned));
    let fits = |v: &Variable| v.key == key && scope.as_ref().is_none_or(|s| v.environment_scope == *s);
    let mut found = project
        .variables
        .iter()
        .enumerate()
        .filter(|(_, v)| fits(v))
        .map(|(at, _)| at);
    let Some(first) = found.next() else {
        return Err(Refusal::not_found("Variable"));
    };
    if found.next().is_some() {
        return Err(Refusal::message(
            StatusCode::CONFLICT,
            "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'",
        ));
    }
    Ok(first)
}

fn create(project: &mut Project, call: &Call<'_>) -> Answer {
    let missing: Vec<&str> = ["key", "value"]
        .into_iter()
        .filter(|n| !call.params.has(n))
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::missing(&missing));
    }
    let flag = |name: &str| call.params.flag(name).unwrap_or(false);
    let hidden = flag("masked_and_hidden");
    let variable = Variable {
        key: call.params.text("key").unwrap_or_default(),
        value: call.params.text("value").unwrap_or_default(),
        variable_type: variable_type(call)?.unwrap_or_else(|| "env_var".to_owned()),
        protected: flag("protected"),
        masked: hidden || flag("masked"),
        hidden,
        raw: flag("raw"),
        environment_scope: call
            .params
            .filled("environment_scope")
            .unwrap_or_else(|| "*".to_owned()),
        description: call.params.text("description"),
    };
    check(project, &variable, None)?;
    let body = view(&variable);
    project.variables.push(variable);
    created(&body)
}

fn update(project: &mut Project, call: &Call<'_>, key: &str) -> Answer {
    let at = find(project, call, key)?;
    let mut variable = project
        .variables
        .get(at)
        .cloned()
        .ok_or_else(|| Refusal::not_found("Variable"))?;
    if let Some(value) = call.params.text("value") {
        variable.value = value;
    }
    if let Some(kind) = variable_type(call)? {
        variable.variable_type = kind;
    }
    if let Some(scope) = call.params.filled("environment_scope") {
        variable.environment_scope = scope;
    }
    if call.params.has("description") {
        variable.description = call.params.text("description");
    }
    for (name, field) in [
        ("protected", &mut variable.protected),
        ("masked", &mut variable.masked),
        ("raw", &mut variable.raw),
    ] {
        if let Some(flag) = call.params.flag(name) {
            *field = flag;
        }
    }
    check(project, &variable, Some(at))?;
    let body = view(&variable);
    if let Some(stored) = project.variables.get_mut(at) {
        *stored = variable;
    }
    ok(&body)
}

fn variable_type(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    match call.params.filled("variable_type") {
        Some(kind) if kind != "env_var" && kind != "file" => Err(Refusal::error(
            StatusCode::BAD_REQUEST,
            "variable_type does not have a valid value",
        )),
        kind => Ok(kind),
    }
}

fn check(project: &Project, variable: &Variable, except: Option<usize>) -> Result<(), Refusal> {
    let key = &variable.key;
    if key.is_empty() || key.len() > 255 || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Refusal::invalid(
            "key",
            "can contain only letters, digits and '_'.",
        ));
    }
    let same = |v: &Variable| v.key == *key && v.environment_scope == variable.environment_scope;
    if project
        .variables
        .iter()
        .enumerate()
        .any(|(at, v)| Some(at) != except && same(v))
    {
        return Err(Refusal::invalid(
            "key",
            &format!("({key}) has already been taken"),
        ));
    }
    if variable.masked && !maskable(&variable.value, variable.raw) {
        return Err(Refusal::invalid("value", "is invalid"));
    }
    Ok(())
}

/// What the job log can mask: one line without spaces, at least 8 characters; where variables in the value are
/// expanded (`raw` is false), only some characters.
fn maskable(value: &str, raw: bool) -> bool {
    let allowed = |c: char| {
        if raw {
            !c.is_whitespace()
        } else {
            c.is_ascii_alphanumeric() || "_+=/@:.~-".contains(c)
        }
    };
    value.chars().count() >= 8 && value.chars().all(allowed)
}

fn view(variable: &Variable) -> Value {
    json!({
        "variable_type": variable.variable_type, "key": variable.key,
        "value": (!variable.hidden).then_some(&variable.value), "protected": variable.protected,
        "masked": variable.masked, "hidden": variable.hidden, "raw": variable.raw,
        "environment_scope": variable.environment_scope, "description": variable.description,
    })
}
