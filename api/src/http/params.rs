//! Parameters of path and query.

use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use opstella_domain::InvalidValue;

use crate::problem::Problem;

/// The parameters in a request's path.
#[derive(Debug, Clone)]
pub struct PathParams(Vec<(String, String)>);

impl FromRequest for PathParams {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(|text| text.into_owned())
        };
        let params = request
            .match_info()
            .iter()
            .map(|(name, value)| match decode(value) {
                Ok(text) => Ok((name.to_owned(), text)),
                Err(_) => Err(Problem::parameter(name, "UTF-8, percent-encoded", value)),
            })
            .collect::<Result<_, _>>();
        ready(params.map(Self))
    }
}

impl PathParams {
    /// The text of a parameter.
    pub fn text(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// A parameter as a domain value.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`], naming the rule.
    pub fn parse<T: FromStr<Err = InvalidValue>>(&self, name: &str) -> Result<T, Problem> {
        let text = self.text(name);
        text.parse()
            .map_err(|error: InvalidValue| Problem::parameter(name, error.rule, text))
    }
}

/// The parameters of a request's query, each of which may be there once.
#[derive(Debug, Clone)]
pub struct QueryParams(Vec<(String, String)>);

impl FromRequest for QueryParams {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
        ready(Ok(Self(pairs.into_owned().collect())))
    }
}

impl QueryParams {
    /// Refuses parameters that are not among these, and those that are there twice.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`].
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        for (index, (name, value)) in self.0.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let rule = if known.is_empty() {
                    "there is no such parameter, and no other".to_owned()
                } else {
                    format!("there is no such parameter; there are {}", known.join(", "))
                };
                let shown: String = name.chars().take(80).collect();
                return Err(Problem::parameter(&shown, rule, value));
            }
            if self.0.iter().skip(index + 1).any(|(other, _)| other == name) {
                return Err(Problem::parameter(name, "must be given once", value));
            }
            if value.contains('\0') {
                return Err(Problem::parameter(
                    name,
                    "must not contain the character NUL",
                    value,
                ));
            }
        }
        Ok(())
    }

    /// The text of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter as a value.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`] with this rule.
    pub fn parse<T: FromStr>(&self, name: &str, rule: &str) -> Result<Option<T>, Problem> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| Problem::parameter(name, rule, text)))
            .transpose()
    }
}

impl QueryParams {
    /// A parameter as a domain value.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`], naming the rule.
    pub fn value<T: FromStr<Err = InvalidValue>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|error: InvalidValue| Problem::parameter(name, error.rule, text))
        };
        self.get(name).map(parse).transpose()
    }
}

impl QueryParams {
    /// A parameter as the text of a domain value: for questions to read models, which keep such texts.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`], naming the rule.
    pub fn text_of<T: FromStr<Err = InvalidValue> + Display>(
        &self,
        name: &str,
    ) -> Result<Option<String>, Problem> {
        Ok(self.value::<T>(name)?.map(|value| value.to_string()))
    }
}

impl QueryParams {
    /// All parameters in the order given.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl QueryParams {
    /// A parameter that has one of these values.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`], naming them.
    pub fn one_of(&self, name: &str, values: &[&str]) -> Result<Option<String>, Problem> {
        match self.get(name) {
            Some(text) if !values.contains(&text) => Err(Problem::parameter(
                name,
                format!("one of {}", values.join(", ")),
                text,
            )),
            text => Ok(text.map(str::to_owned)),
        }
    }
}
