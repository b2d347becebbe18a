//! SonarQube's answers and error bodies, and the parameter rules that all calls share.

use http::StatusCode;
use serde_json::{Value, json};

use crate::Reply;
use crate::params::Params;

/// An answer, or why not.
pub(crate) type Answer = Result<Reply, Refusal>;

/// An answer that says no.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Reply>);

impl Refusal {
    /// `{"errors": [{"msg": "..."}]}`.
    pub(crate) fn new(status: StatusCode, message: &str) -> Self {
        Self(Box::new(Reply::json(
            status,
            &json!({"errors": [{"msg": message}]}),
        )))
    }

    /// 400.
    pub(crate) fn bad(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 401, without a body.
    pub(crate) fn unauthorised() -> Self {
        Self(Box::new(Reply::empty(StatusCode::UNAUTHORIZED)))
    }

    pub(crate) fn into_reply(self) -> Reply {
        *self.0
    }
}

/// 200 with a JSON body.
pub(crate) fn ok(body: &Value) -> Answer {
    Ok(Reply::json(StatusCode::OK, body))
}

/// 204.
pub(crate) fn no_content() -> Answer {
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// A parameter that must be there and not be empty.
pub(crate) fn required(params: &Params, name: &str) -> Result<String, Refusal> {
    params
        .filled(name)
        .ok_or_else(|| Refusal::bad(&format!("The '{name}' parameter is missing")))
}

/// A parameter with a limit on its length.
pub(crate) fn at_most(name: &str, value: &str, limit: usize) -> Result<(), Refusal> {
    let length = value.chars().count();
    if length > limit {
        let message = format!("'{name}' length ({length}) is longer than the maximum authorized ({limit})");
        return Err(Refusal::bad(&message));
    }
    Ok(())
}

/// The paging object, and the items of that page.
pub(crate) fn page(params: &Params, items: Vec<Value>) -> Result<(Value, Vec<Value>), Refusal> {
    let number = |name: &str, default: usize| match params.text(name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| {
            Refusal::bad(&format!(
                "The '{name}' parameter cannot be parsed as an integer value: {text}"
            ))
        }),
    };
    let index = number("p", 1)?.max(1);
    let size = number("ps", 100)?;
    if size > 500 {
        return Err(Refusal::bad(&format!(
            "'ps' value ({size}) must be less than 500"
        )));
    }
    let paging = json!({"pageIndex": index, "pageSize": size, "total": items.len()});
    Ok((
        paging,
        items
            .into_iter()
            .skip((index - 1).saturating_mul(size))
            .take(size)
            .collect(),
    ))
}

/// Now, as SonarQube writes it.
pub(crate) fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%z").to_string()
}
