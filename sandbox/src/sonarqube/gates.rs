//! `api/qualitygates`.

use serde_json::{Value, json};
use uuid::Uuid;

use super::answers::{Answer, Refusal, at_most, no_content, ok, page, required};
use super::projects;
use super::world::{Condition, Gate, World};
use crate::params::Params;

pub(crate) fn list(world: &mut World, _: &Params) -> Answer {
    let gates: Vec<Value> = world.gates.iter().map(|g| view(world, g, false)).collect();
    ok(&json!({"qualitygates": gates, "actions": {"create": true}}))
}

pub(crate) fn show(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    let at = find(world, &name)?;
    ok(&world
        .gates
        .get(at)
        .map(|g| view(world, g, true))
        .unwrap_or_default())
}

pub(crate) fn create(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    at_most("name", &name, 100)?;
    if world.gates.iter().any(|g| g.name == name) {
        return Err(Refusal::bad("Name has already been taken"));
    }
    world.gates.push(Gate {
        name: name.clone(),
        built_in: false,
        conditions: Vec::new(),
    });
    ok(&json!({"name": name}))
}

pub(crate) fn destroy(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    let at = find_own(world, &name)?;
    if world.default_gate == name {
        return Err(Refusal::bad("The default quality gate cannot be removed"));
    }
    world.gates.remove(at);
    for project in world.projects.values_mut() {
        project.gate.take_if(|gate| *gate == name);
    }
    no_content()
}

pub(crate) fn create_condition(world: &mut World, params: &Params) -> Answer {
    let gate = required(params, "gateName")?;
    let metric = required(params, "metric")?;
    let error = required(params, "error")?;
    let op = params.filled("op").unwrap_or_else(|| "LT".to_owned());
    if op != "LT" && op != "GT" {
        return Err(Refusal::bad(&format!(
            "Value of parameter 'op' ({op}) must be one of: [LT, GT]"
        )));
    }
    let at = find_own(world, &gate)?;
    let gate = world.gates.get_mut(at).ok_or_else(|| missing(&gate))?;
    if gate.conditions.iter().any(|c| c.metric == metric) {
        return Err(Refusal::bad(&format!(
            "Condition on metric '{metric}' already exists."
        )));
    }
    let condition = Condition {
        id: Uuid::new_v4().to_string(),
        metric,
        op,
        error,
    };
    let body = condition_view(&condition);
    gate.conditions.push(condition);
    ok(&body)
}

pub(crate) fn delete_condition(world: &mut World, params: &Params) -> Answer {
    let id = required(params, "id")?;
    for gate in world.gates.iter_mut().filter(|g| !g.built_in) {
        let before = gate.conditions.len();
        gate.conditions.retain(|c| c.id != id);
        if gate.conditions.len() < before {
            return no_content();
        }
    }
    Err(Refusal::not_found(&format!(
        "No quality gate condition with uuid '{id}'"
    )))
}

pub(crate) fn set_as_default(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    find(world, &name)?;
    world.default_gate = name;
    no_content()
}

pub(crate) fn select(world: &mut World, params: &Params) -> Answer {
    let gate = required(params, "gateName")?;
    let key = required(params, "projectKey")?;
    find(world, &gate)?;
    choose(world, &key, Some(gate))
}

pub(crate) fn deselect(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "projectKey")?;
    choose(world, &key, None)
}

fn choose(world: &mut World, key: &str, gate: Option<String>) -> Answer {
    projects::find(world, key)?;
    if let Some(project) = world.projects.get_mut(key) {
        project.gate = gate;
    }
    no_content()
}

/// The projects that chose a gate, that did not, or all.
pub(crate) fn search(world: &mut World, params: &Params) -> Answer {
    let gate = required(params, "gateName")?;
    find(world, &gate)?;
    let query = params.filled("query").map(|q| q.to_lowercase());
    let wanted = params.filled("selected").filter(|_| query.is_none());
    let wanted = wanted.unwrap_or_else(|| if query.is_some() { "all" } else { "selected" }.to_owned());
    let mut results = Vec::new();
    for project in world.projects.values() {
        let selected = project.gate.as_ref() == Some(&gate);
        let fits = match wanted.as_str() {
            "all" => true,
            "deselected" => !selected,
            _ => selected,
        };
        if fits
            && query
                .as_ref()
                .is_none_or(|q| project.name.to_lowercase().contains(q))
        {
            results.push(json!({"key": project.key, "name": project.name, "selected": selected}));
        }
    }
    let (paging, results) = page(params, results)?;
    ok(&json!({"paging": paging, "results": results}))
}

pub(crate) fn get_by_project(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "project")?;
    let chosen = projects::find(world, &key)?.gate.as_ref();
    let name = chosen.unwrap_or(&world.default_gate);
    ok(&json!({"qualityGate": {"name": name, "default": chosen.is_none()}}))
}

fn missing(name: &str) -> Refusal {
    Refusal::not_found(&format!("No quality gate has been found for name {name}"))
}

fn find(world: &World, name: &str) -> Result<usize, Refusal> {
    world
        .gates
        .iter()
        .position(|g| g.name == name)
        .ok_or_else(|| missing(name))
}

/// A gate that may be changed.
fn find_own(world: &World, name: &str) -> Result<usize, Refusal> {
    let at = find(world, name)?;
    if world.gates.get(at).is_some_and(|g| g.built_in) {
        return Err(Refusal::bad(&format!(
            "Operation forbidden for built-in Quality Gate '{name}'"
        )));
    }
    Ok(at)
}

fn view(world: &World, gate: &Gate, with_conditions: bool) -> Value {
    let own = !gate.built_in;
    let is_default = gate.name == world.default_gate;
    let mut body = json!({
        "name": gate.name, "isDefault": is_default, "isBuiltIn": gate.built_in, "caycStatus": "compliant",
        "actions": {
            "rename": own, "setAsDefault": !is_default, "copy": true, "associateProjects": !is_default,
            "delete": own && !is_default, "manageConditions": own, "delegate": own,
        },
    });
    if with_conditions && let Some(fields) = body.as_object_mut() {
        fields.insert(
            "conditions".to_owned(),
            gate.conditions.iter().map(condition_view).collect(),
        );
    }
    body
}

fn condition_view(condition: &Condition) -> Value {
    json!({
        "id": condition.id, "metric": condition.metric, "op": condition.op, "error": condition.error,
    })
}
