//! Label and field selectors.

use serde_json::Value;

#[derive(Debug)]
enum Requirement {
    Exists(String),
    Missing(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`: all must hold.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    requirements: Vec<Requirement>,
}

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = split(text);
        let requirements: Result<_, _> = parts.iter().map(|part| requirement(part)).collect();
        Ok(Self {
            requirements: requirements?,
        })
    }

    /// Whether these labels (a map of strings, or nothing) pass.
    pub(crate) fn passes(&self, labels: Option<&Value>) -> bool {
        let value = |key: &String| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
        self.requirements.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Missing(key) => value(key).is_none(),
            Requirement::In(key, values) => value(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|v| values.iter().all(|w| w != v)),
        })
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
        .iter()
        .map(|p| p.trim().to_owned())
        .filter(|p| !p.is_empty())
        .collect()
}

fn requirement(part: &str) -> Result<Requirement, String> {
    let set = |values: &str| -> Option<Vec<String>> {
        let inner = values.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|v| v.trim().to_owned()).collect())
    };
    let key = |text: &str| text.trim().to_owned();
    if let Some((name, values)) = part.split_once(" notin ") {
        let values = set(values).ok_or(format!("unable to parse requirement: {part}"))?;
        return Ok(Requirement::NotIn(key(name), values));
    }
    if let Some((name, values)) = part.split_once(" in ") {
        let values = set(values).ok_or(format!("unable to parse requirement: {part}"))?;
        return Ok(Requirement::In(key(name), values));
    }
    if let Some((name, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key(name), vec![key(value)]));
    }
    if let Some((name, value)) = part.split_once('=') {
        return Ok(Requirement::In(
            key(name),
            vec![key(value.trim_start_matches('='))],
        ));
    }
    if part.contains(['(', ')', ' ']) {
        return Err(format!("unable to parse requirement: {part}"));
    }
    Ok(match part.strip_prefix('!') {
        Some(name) => Requirement::Missing(key(name)),
        None => Requirement::Exists(key(part)),
    })
}
