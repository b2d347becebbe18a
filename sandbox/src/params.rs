//! Parameters of a request, whether they come in the query, as a form or as JSON.

use serde_json::{Map, Value};

use crate::Request;

/// Query, form and JSON parameters in one map; the body wins over the query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Map<String, Value>);

impl Params {
    /// `None` where a body that says it is JSON is not a JSON object.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let mut map = Map::new();
        for (name, value) in &request.query {
            insert_pair(&mut map, name, value);
        }
        let content_type = request.header("content-type").unwrap_or_default();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            for (name, value) in url::form_urlencoded::parse(&request.body) {
                insert_pair(&mut map, &name, &value);
            }
        } else if content_type.contains("json") && !request.body.is_empty() {
            match request.json::<Value>()? {
                Value::Object(body) => map.extend(body),
                Value::Null => {}
                _ => return None,
            }
        }
        Some(Self(map))
    }

    /// The raw value; JSON `null` counts as absent.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    /// Whether it was given at all, `null` included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// As text; numbers and booleans are spelled out.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// As text, where it is not blank.
    pub(crate) fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|t| !t.trim().is_empty())
    }

    /// As a boolean, in the spellings that Ruby and Java servers take.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.text(name)?.to_ascii_lowercase().as_str() {
            "true" | "1" | "t" | "yes" | "on" => Some(true),
            "false" | "0" | "f" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// As a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// As a list of texts: a JSON array, `name[]` pairs, or one comma-separated text.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.value(name)? {
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(|i| i.as_str().map(str::to_owned))
                    .collect(),
            ),
            Value::String(text) => Some(
                text.split(',')
                    .map(|t| t.trim().to_owned())
                    .filter(|t| !t.is_empty())
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// `a=1` sets `a`; `a[]=1&a[]=2` collects a list under `a`.
fn insert_pair(map: &mut Map<String, Value>, name: &str, value: &str) {
    if let Some(base) = name.strip_suffix("[]") {
        if let Value::Array(items) = map.entry(base).or_insert_with(|| Value::Array(Vec::new())) {
            items.push(value.into());
        }
    } else {
        map.insert(name.to_owned(), value.into());
    }
}
