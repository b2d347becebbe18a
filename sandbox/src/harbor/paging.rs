//! Lists: `page`, `page_size`, `q`, and the headers that go with them.

use http::{HeaderName, StatusCode, header};
use serde_json::Value;

use super::{Answer, Call};
use crate::{Reply, Request, harbor::problem::Problem};

/// One condition of `q`.
#[derive(Debug)]
enum Term {
    Exact(String),
    Fuzzy(String),
    AnyOf(Vec<String>),
}

/// Harbor's `q`: `name=~pay,public=true`, all of which must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    terms: Vec<(String, Term)>,
}

impl Filter {
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for term in request
            .query_value("q")
            .unwrap_or_default()
            .split(',')
            .filter(|t| !t.is_empty())
        {
            let (key, value) = term.split_once('=').ok_or_else(|| {
                Problem::bad_request(format!("the query string must contain \"=\": {term}"))
            })?;
            let term = if let Some(part) = value.strip_prefix('~') {
                Term::Fuzzy(part.to_owned())
            } else if let Some(list) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) {
                Term::AnyOf(list.split(' ').map(str::to_owned).collect())
            } else {
                Term::Exact(value.to_owned())
            };
            filter.terms.push((fold(key), term));
        }
        Ok(filter)
    }

    /// The value that a key must equal, where `q` says so. Case and underscores of keys do not matter.
    pub(super) fn exact(&self, key: &str) -> Option<&str> {
        self.terms
            .iter()
            .find(|(k, _)| *k == fold(key))
            .and_then(|(_, term)| match term {
                Term::Exact(value) => Some(value.as_str()),
                _ => None,
            })
    }

    /// Whether a resource with this value under this key passes. Keys that `q` lacks pass.
    pub(super) fn passes(&self, key: &str, values: &[&str]) -> bool {
        self.terms
            .iter()
            .filter(|(k, _)| *k == fold(key))
            .all(|(_, term)| match term {
                Term::Exact(wanted) => values.contains(&wanted.as_str()),
                Term::Fuzzy(part) => values.iter().any(|v| v.contains(part.as_str())),
                Term::AnyOf(list) => list.iter().any(|wanted| values.contains(&wanted.as_str())),
            })
    }
}

fn fold(key: &str) -> String {
    key.replace('_', "").to_lowercase()
}

/// One page of a list, with `X-Total-Count` and `Link`.
pub(super) fn page(call: &Call<'_>, items: Vec<Value>) -> Answer {
    let number = |name: &str, default: usize| match call.request.query_value(name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| {
            Problem::unprocessable(format!("{name} in query must be of type int64: \"{text}\""))
        }),
    };
    let (page, size) = (number("page", 1)?.max(1), number("page_size", 10)?);
    if size > 100 {
        return Err(Problem::unprocessable(
            "page_size in query should be less than or equal to 100",
        ));
    }
    let total = items.len();
    let size = if size == 0 { total.max(1) } else { size };
    let start = (page - 1).saturating_mul(size);
    let items: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let mut links = Vec::new();
    if page > 1 && start < total + size {
        links.push(link(call, page - 1, size, "prev"));
    }
    if start.saturating_add(size) < total {
        links.push(link(call, page + 1, size, "next"));
    }
    let reply = Reply::json(StatusCode::OK, &Value::Array(items))
        .with_header(HeaderName::from_static("x-total-count"), &total.to_string());
    Ok(if links.is_empty() {
        reply
    } else {
        reply.with_header(header::LINK, &links.join(" , "))
    })
}

fn link(call: &Call<'_>, page: usize, size: usize, relation: &str) -> String {
    let path = call
        .request
        .path
        .strip_prefix("/api/v2.0")
        .unwrap_or(&call.request.path);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in call
        .request
        .query
        .iter()
        .filter(|(k, _)| k != "page" && k != "page_size")
    {
        query.append_pair(key, value);
    }
    query
        .append_pair("page", &page.to_string())
        .append_pair("page_size", &size.to_string());
    format!("<{}?{}>; rel=\"{relation}\"", call.location(path), query.finish())
}
