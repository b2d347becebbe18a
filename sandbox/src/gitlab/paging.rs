//! Offset pagination with GitLab's headers.

use http::{HeaderName, StatusCode};
use serde_json::Value;

use super::Call;
use super::answers::Answer;
use crate::Reply;

const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

/// The page of `items` that the call asks for, with `X-Total` and its kin.
pub(crate) fn page(call: &Call<'_>, items: Vec<Value>) -> Answer {
    let wanted = |name: &str| call.params.number(name).and_then(|n| usize::try_from(n).ok());
    let per_page = wanted("per_page")
        .filter(|n| *n > 0)
        .unwrap_or(DEFAULT_PAGE)
        .min(LARGEST_PAGE);
    let page = wanted("page").filter(|n| *n > 0).unwrap_or(1);
    let total = items.len();
    let pages = total.div_ceil(per_page).max(1);
    let next = (page < pages).then_some(page + 1);
    let previous = (page > 1).then(|| (page - 1).min(pages));
    let body: Vec<Value> = items
        .into_iter()
        .skip((page - 1).saturating_mul(per_page))
        .take(per_page)
        .collect();

    let text = |n: Option<usize>| n.map(|n| n.to_string()).unwrap_or_default();
    let mut links = Vec::new();
    for (rel, number) in [
        ("prev", previous),
        ("next", next),
        ("first", Some(1)),
        ("last", Some(pages)),
    ] {
        if let Some(number) = number {
            links.push(format!("<{}>; rel=\"{rel}\"", link(call, number, per_page)));
        }
    }
    let mut reply = Reply::json(StatusCode::OK, &Value::Array(body));
    for (name, value) in [
        ("x-total", total.to_string()),
        ("x-total-pages", pages.to_string()),
        ("x-page", page.to_string()),
        ("x-per-page", per_page.to_string()),
        ("x-next-page", text(next)),
        ("x-prev-page", text(previous)),
        ("link", links.join(", ")),
    ] {
        reply = reply.with_header(HeaderName::from_static(name), &value);
    }
    Ok(reply)
}

fn link(call: &Call<'_>, page: usize, per_page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &call.request.query {
        if !["page", "per_page", "private_token"].contains(&name.as_str()) {
            query.append_pair(name, value);
        }
    }
    query
        .append_pair("page", &page.to_string())
        .append_pair("per_page", &per_page.to_string());
    format!("{}{}?{}", call.base(), call.request.path, query.finish())
}
