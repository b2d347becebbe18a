//! ACL policies: just enough HCL to read them, and the matching of paths.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Operation;
use super::problem::Problem;
use super::store::{Store, Token};

const CAPABILITIES: [&str; 9] = [
    "create", "read", "update", "patch", "delete", "list", "scan", "sudo", "deny",
];

/// Path patterns with their capabilities.
#[derive(Debug, Default, Clone)]
pub(super) struct Rules {
    paths: BTreeMap<String, BTreeSet<String>>,
}

impl Rules {
    /// Reads a policy in HCL or JSON.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let paths = match serde_json::from_str::<Value>(text) {
            Ok(json) => from_json(&json)?,
            Err(_) => Parser {
                tokens: tokens(text)?,
                next: 0,
            }
            .policy()?,
        };
        for (path, capabilities) in &paths {
            if let Some(bad) = capabilities.iter().find(|c| !CAPABILITIES.contains(&c.as_str())) {
                return Err(format!("path \"{path}\": invalid capability \"{bad}\""));
            }
        }
        Ok(Self { paths })
    }
}

fn from_json(json: &Value) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let paths = json
        .get("path")
        .and_then(Value::as_object)
        .ok_or("the policy has no \"path\"")?;
    let capabilities = |rule: &Value| {
        let list = rule.get("capabilities").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    Ok(paths
        .iter()
        .map(|(path, rule)| (path.clone(), capabilities(rule)))
        .collect())
}

#[derive(Debug, Clone, PartialEq)]
enum Lexeme {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Lexeme>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                chars.next();
                loop {
                    match chars.next() {
                        Some('/') if last == '*' => break,
                        Some(c) => last = c,
                        None => return Err("a comment does not end".to_owned()),
                    }
                }
            }
            '"' => {
                let mut string = String::new();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => string.extend(chars.next()),
                        Some(c) => string.push(c),
                        None => return Err("a string does not end".to_owned()),
                    }
                }
                out.push(Lexeme::Text(string));
            }
            '{' | '}' | '[' | ']' | '=' | ',' => out.push(Lexeme::Sign(c)),
            c if c.is_alphanumeric() || c == '_' || c == '-' => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_' || *c == '-') {
                    word.push(c);
                }
                out.push(Lexeme::Word(word));
            }
            c => return Err(format!("illegal character '{c}'")),
        }
    }
    Ok(out)
}

struct Parser {
    tokens: Vec<Lexeme>,
    next: usize,
}

impl Parser {
    fn take(&mut self) -> Option<Lexeme> {
        let lexeme = self.tokens.get(self.next).cloned();
        self.next += 1;
        lexeme
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        match self.take() {
            Some(Lexeme::Sign(found)) if found == sign => Ok(()),
            other => Err(format!("expected '{sign}', found {other:?}")),
        }
    }

    fn policy(mut self) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
        let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while let Some(lexeme) = self.take() {
            match lexeme {
                Lexeme::Word(word) if word == "path" => {}
                Lexeme::Word(_) => {
                    // `name = "..."` at the top is allowed and means nothing.
                    self.sign('=')?;
                    self.take();
                    continue;
                }
                other => return Err(format!("expected `path`, found {other:?}")),
            }
            let Some(Lexeme::Text(path)) = self.take() else {
                return Err("a `path` needs a string after it".to_owned());
            };
            paths.entry(path).or_default().extend(self.rule()?);
        }
        Ok(paths)
    }

    fn rule(&mut self) -> Result<BTreeSet<String>, String> {
        let mut capabilities = BTreeSet::new();
        self.sign('{')?;
        loop {
            match self.take() {
                Some(Lexeme::Sign('}')) => return Ok(capabilities),
                Some(Lexeme::Word(key)) => {
                    self.sign('=')?;
                    let list = self.list()?;
                    match key.as_str() {
                        "capabilities" => capabilities.extend(list),
                        "allowed_parameters"
                        | "denied_parameters"
                        | "required_parameters"
                        | "min_wrapping_ttl"
                        | "max_wrapping_ttl"
                        | "policy"
                        | "comment"
                        | "expiration" => {}
                        other => return Err(format!("invalid key \"{other}\"")),
                    }
                }
                other => return Err(format!("expected a key or '}}', found {other:?}")),
            }
        }
    }

    /// A list of strings, or one string.
    fn list(&mut self) -> Result<Vec<String>, String> {
        match self.take() {
            Some(Lexeme::Text(text)) => return Ok(vec![text]),
            Some(Lexeme::Sign('[')) => {}
            other => return Err(format!("expected a list, found {other:?}")),
        }
        let mut items = Vec::new();
        loop {
            match self.take() {
                Some(Lexeme::Sign(']')) => return Ok(items),
                Some(Lexeme::Sign(',')) => {}
                Some(Lexeme::Text(text)) => items.push(text),
                other => return Err(format!("expected a string or ']', found {other:?}")),
            }
        }
    }
}

/// How specific a matching pattern is; greater wins. An exact path beats a prefix, and a longer literal start
/// beats a shorter one.
fn specificity(pattern: &str, path: &str) -> Option<(bool, usize, usize)> {
    let (literal, prefix) = match pattern.strip_suffix('*') {
        Some(start) => (start, true),
        None => (pattern, false),
    };
    let wanted: Vec<&str> = literal.split('/').collect();
    let found: Vec<&str> = path.split('/').collect();
    let last = wanted.len() - 1;
    if found.len() < wanted.len() || (!prefix && found.len() > wanted.len()) {
        return None;
    }
    let fits = wanted
        .iter()
        .zip(&found)
        .enumerate()
        .all(|(index, (wanted, found))| {
            *wanted == "+" || wanted == found || (prefix && index == last && found.starts_with(wanted))
        });
    let wildcards = wanted.iter().filter(|s| **s == "+").count();
    fits.then(|| {
        (
            !prefix && wildcards == 0,
            literal.find('+').unwrap_or(literal.len()),
            literal.len(),
        )
    })
}

impl Store {
    /// The token may do this to the path.
    pub(super) fn authorise(&self, token: &Token, operation: Operation, path: &str) -> Result<(), Problem> {
        if token.policies.iter().any(|p| p == "root") {
            return Ok(());
        }
        let capabilities = self.capabilities(token, path);
        let has = |name: &str| capabilities.contains(name);
        let allowed = match operation {
            Operation::Read => has("read"),
            Operation::List => has("list"),
            Operation::Patch => has("patch"),
            Operation::Delete => has("delete"),
            Operation::Write if self.exists(path) => has("update"),
            Operation::Write => has("create"),
        };
        if allowed && !has("deny") {
            Ok(())
        } else {
            Err(Problem::denied())
        }
    }

    /// What the token's policies allow on a path: those of the most specific pattern, of all its policies.
    pub(super) fn capabilities(&self, token: &Token, path: &str) -> BTreeSet<String> {
        if token.policies.iter().any(|p| p == "root") {
            return BTreeSet::from(["root".to_owned()]);
        }
        let policies = token.policies.iter().filter_map(|name| self.policies.get(name));
        let mut best = None;
        let mut capabilities = BTreeSet::new();
        for (pattern, granted) in policies.flat_map(|policy| &policy.rules.paths) {
            // A list may be asked with or without the slash at the end of its path.
            let fit = specificity(pattern, path).max(specificity(pattern, &format!("{path}/")));
            let Some(fit) = fit else { continue };
            if Some(fit) > best {
                best = Some(fit);
                capabilities.clear();
            }
            if Some(fit) == best {
                capabilities.extend(granted.iter().cloned());
            }
        }
        capabilities
    }

    /// Only engines with an existence check tell creating from updating; to others each write is an update.
    fn exists(&self, path: &str) -> bool {
        let Some((mount, rest)) = self.mount_of(path) else {
            return true;
        };
        let secret = ["data/", "metadata/"]
            .iter()
            .find_map(|kind| rest.strip_prefix(kind));
        match (secret, self.engines.get(&mount)) {
            (Some(secret), Some(engine)) => engine.secrets.contains_key(secret),
            _ => true,
        }
    }
}
