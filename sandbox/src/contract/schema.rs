//! From the schema dialects of API descriptions to JSON Schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Vendor;

/// The format of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Swagger 2.0.
    Swagger2,
    /// OpenAPI 3.0.
    OpenApi3,
}

impl Dialect {
    fn reference_prefix(self) -> &'static str {
        match self {
            Self::Swagger2 => "#/definitions/",
            Self::OpenApi3 => "#/components/schemas/",
        }
    }
}

/// A JSON Schema of its own: the given one plus every definition that it reaches, and nothing else. Compiling
/// the whole document for each schema would take seconds with a description of Kubernetes' size.
pub(super) fn stand_alone(document: &Value, dialect: Dialect, vendor: Vendor, schema: &Value) -> Value {
    let mut definitions = Map::new();
    let mut reached = BTreeSet::new();
    let mut waiting = Vec::new();
    let root = convert(schema, dialect, vendor, "", &mut waiting);
    while let Some(name) = waiting.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        let pointer = format!(
            "{}{}",
            dialect.reference_prefix().trim_start_matches('#'),
            escape(&name)
        );
        let definition = document.pointer(&pointer).unwrap_or(&Value::Null);
        let converted = convert(definition, dialect, vendor, &name, &mut waiting);
        definitions.insert(name, converted);
    }
    json!({ "allOf": [root], "definitions": definitions })
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Converts one schema; the definitions that it refers to are added to `waiting`.
fn convert(schema: &Value, dialect: Dialect, vendor: Vendor, name: &str, waiting: &mut Vec<String>) -> Value {
    let Some(object) = schema.as_object() else {
        return Value::Bool(true);
    };
    if vendor.untyped(name) {
        return Value::Bool(true);
    }
    let flag = |key: &str| object.get(key).and_then(Value::as_bool).unwrap_or(false);
    let nullable = flag("nullable") || flag("x-nullable") || vendor.nullable(name);
    let converted = if let Some(target) = object.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix(dialect.reference_prefix()).unwrap_or(target);
        waiting.push(target.to_owned());
        json!({ "$ref": format!("#/definitions/{}", escape(target)) })
    } else {
        inline(object, dialect, vendor, name, waiting)
    };
    let converted = if vendor.or_text(object) {
        json!({ "anyOf": [converted, { "type": "string" }] })
    } else {
        converted
    };
    if nullable {
        json!({ "anyOf": [converted, { "type": "null" }] })
    } else {
        converted
    }
}

fn inline(
    object: &Map<String, Value>,
    dialect: Dialect,
    vendor: Vendor,
    name: &str,
    waiting: &mut Vec<String>,
) -> Value {
    let mut out = Map::new();
    for (key, value) in object {
        match key.as_str() {
            "properties" => {
                let properties: Map<String, Value> = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(property, schema)| {
                        let place = format!("{name}.{property}");
                        (
                            property.clone(),
                            convert(schema, dialect, vendor, &place, waiting),
                        )
                    })
                    .chain(
                        vendor
                            .undocumented_fields(name)
                            .map(|field| (field.to_owned(), json!(true))),
                    )
                    .collect();
                out.insert(key.clone(), Value::Object(properties));
            }
            "additionalProperties" if value.is_boolean() => {
                out.insert(key.clone(), value.clone());
            }
            "items" | "additionalProperties" => {
                let place = format!("{name}.{key}");
                out.insert(key.clone(), convert(value, dialect, vendor, &place, waiting));
            }
            "allOf" | "anyOf" | "oneOf" => {
                let parts: Vec<Value> = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|part| convert(part, dialect, vendor, name, waiting))
                    .collect();
                out.insert(key.clone(), Value::Array(parts));
            }
            "type" | "enum" | "required" | "pattern" | "minimum" | "maximum" | "minLength" | "maxLength"
            | "minItems" | "maxItems" | "format" => {
                out.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    if out.get("format").and_then(Value::as_str) == Some("int-or-string") {
        out.insert("type".to_owned(), json!(["integer", "string"]));
    }
    // A field that the description does not name is a mistake of ours: the vendors' schemas leave the door
    // open only because that is the default.
    if out.contains_key("properties") && !out.contains_key("additionalProperties") {
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Value::Object(out)
}
