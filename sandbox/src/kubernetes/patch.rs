//! JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902).

use serde_json::{Map, Value};

/// Merges a patch into a document: `null` removes.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Applies a JSON Patch; the error says which operation failed.
pub(crate) fn apply(target: &mut Value, patch: &Value) -> Result<(), String> {
    let operations = patch.as_array().ok_or("a JSON patch is a list of operations")?;
    for operation in operations {
        let text = |field: &str| operation.get(field).and_then(Value::as_str);
        let path = text("path").ok_or("an operation lacks its path")?;
        let given = || {
            operation
                .get("value")
                .cloned()
                .ok_or(format!("{path}: the operation lacks its value"))
        };
        match text("op").unwrap_or_default() {
            "add" => put(target, path, given()?, true)?,
            "replace" => put(target, path, given()?, false)?,
            "remove" => {
                take(target, path)?;
            }
            "test" => {
                if target.pointer(path) != Some(&given()?) {
                    return Err(format!("testing value {path} failed"));
                }
            }
            "move" => {
                let value = take(target, text("from").unwrap_or_default())?;
                put(target, path, value, true)?;
            }
            "copy" => {
                let from = text("from").unwrap_or_default();
                let value = target
                    .pointer(from)
                    .cloned()
                    .ok_or(format!("{from}: nothing is there"))?;
                put(target, path, value, true)?;
            }
            other => return Err(format!("unexpected kind of operation: {other}")),
        }
    }
    Ok(())
}

/// The container that a pointer leads into, and its last token.
fn parent<'a>(target: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (above, last) = path
        .rsplit_once('/')
        .ok_or(format!("{path}: not a JSON pointer"))?;
    let container = target
        .pointer_mut(above)
        .ok_or(format!("{path}: {above} does not exist"))?;
    Ok((container, last.replace("~1", "/").replace("~0", "~")))
}

fn put(target: &mut Value, path: &str, value: Value, add: bool) -> Result<(), String> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    let (container, key) = parent(target, path)?;
    match container {
        Value::Object(fields) if add || fields.contains_key(&key) => {
            fields.insert(key, value);
            Ok(())
        }
        Value::Array(items) if add && key == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => {
            let index = key
                .parse::<usize>()
                .map_err(|_| format!("{path}: not an index"))?;
            if add && index <= items.len() {
                items.insert(index, value);
                return Ok(());
            }
            *items.get_mut(index).ok_or(format!("{path}: no such item"))? = value;
            Ok(())
        }
        _ => Err(format!("{path}: nothing is there")),
    }
}

fn take(target: &mut Value, path: &str) -> Result<Value, String> {
    let (container, key) = parent(target, path)?;
    let missing = || format!("{path}: nothing is there");
    match container {
        Value::Object(fields) => fields.remove(&key).ok_or_else(missing),
        Value::Array(items) => {
            let index = key
                .parse::<usize>()
                .ok()
                .filter(|i| *i < items.len())
                .ok_or_else(missing)?;
            Ok(items.remove(index))
        }
        _ => Err(missing()),
    }
}
