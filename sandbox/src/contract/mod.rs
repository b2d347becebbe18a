//! Checks an exchange against the vendor's published API description.
//!
//! Behind the cargo feature `contract`: tests of the stand-ins and of the adapters use it, the product does not.
//! A description is read once; the schemas of a route are compiled when the route is first used.

mod gaps;
mod schema;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use serde_json::Value;

use crate::{Reply, Request};
pub use gaps::Vendor;
use schema::Dialect;

/// Why a description could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The file exists and cannot be read.
    #[error("cannot read {path}: {source}; check the permissions of the contract directory")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no API description.
    #[error("{path} is not an API description: {reason}; fetch it again from its vendor")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
}

/// How an exchange departs from the description.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Violation {
    /// The description has no such route.
    #[error("{0} {1} is not documented")]
    UnknownRoute(String, String),
    /// The route takes no such query parameter.
    #[error("{route}: query parameter `{name}` is not documented")]
    UnknownQuery {
        /// Method and path template.
        route: String,
        /// The parameter.
        name: String,
    },
    /// The request's body does not fit.
    #[error("{route}: request body: {reason}")]
    RequestBody {
        /// Method and path template.
        route: String,
        /// Where and why.
        reason: String,
    },
    /// The route does not answer with this status.
    #[error("{route}: status {status} is not documented")]
    UnknownStatus {
        /// Method and path template.
        route: String,
        /// The status.
        status: u16,
    },
    /// The response's body does not fit.
    #[error("{route}: response body of {status}: {reason}")]
    ResponseBody {
        /// Method and path template.
        route: String,
        /// The status.
        status: u16,
        /// Where and why.
        reason: String,
    },
}

/// One exchange, as much of it as a description speaks about. The path starts where the tool's base URL ends.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// HTTP method; Vault's `LIST` too.
    pub method: &'a Method,
    /// Raw path.
    pub path: &'a str,
    /// Decoded query pairs.
    pub query: &'a [(String, String)],
    /// JSON body of the request, where there is one.
    pub request_body: Option<&'a Value>,
    /// Status of the answer.
    pub status: u16,
    /// JSON body of the answer, where there is one.
    pub response_body: Option<&'a Value>,
}

#[derive(Debug)]
struct Route {
    template: Vec<String>,
    path: String,
    parameters: usize,
}

/// A vendor's API description, ready to check exchanges.
#[derive(Debug)]
pub struct Contract {
    vendor: Vendor,
    dialect: Dialect,
    document: Value,
    base_path: String,
    routes: Vec<Route>,
    compiled: Mutex<HashMap<String, Arc<jsonschema::Validator>>>,
}

/// Where the vendors' descriptions are: `OPSTELLA_CONTRACTS`, else `../shared/contracts` beside the workspace.
pub fn directory() -> PathBuf {
    std::env::var_os("OPSTELLA_CONTRACTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts"),
        PathBuf::from,
    )
}

impl Contract {
    /// Loads a vendor's description; `None`, with a line on standard error, where the directory lacks it.
    pub fn load(vendor: Vendor) -> Result<Option<Self>, ContractError> {
        let path = directory().join(vendor.file());
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: {}, no ../shared/contracts", vendor.file());
                return Ok(None);
            }
            Err(source) => return Err(ContractError::Read { path, source }),
        };
        let parsed = if vendor.file().ends_with(".yaml") {
            yaml_serde::from_str::<Value>(&text).map_err(|e| e.to_string())
        } else {
            serde_json::from_str::<Value>(&text).map_err(|e| e.to_string())
        };
        let document = parsed.map_err(|reason| ContractError::Parse {
            path: path.clone(),
            reason,
        })?;
        Self::of(vendor, document).map(Some).ok_or(ContractError::Parse {
            path,
            reason: "it has no `paths`".to_owned(),
        })
    }

    fn of(vendor: Vendor, document: Value) -> Option<Self> {
        let dialect = if document.get("openapi").is_some() {
            Dialect::OpenApi3
        } else {
            Dialect::Swagger2
        };
        let base_path = document
            .get("basePath")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim_end_matches('/')
            .to_owned();
        let mut routes: Vec<Route> = document
            .get("paths")?
            .as_object()?
            .keys()
            .map(|path| {
                let template: Vec<String> = split(path).map(str::to_owned).collect();
                let parameters = template.iter().filter(|s| s.starts_with('{')).count();
                Route {
                    template,
                    path: path.clone(),
                    parameters,
                }
            })
            .collect();
        // The route with the fewest parameters wins, as in the vendors' routers; among those the longest.
        routes.sort_by_key(|r| (r.parameters, usize::MAX - r.template.len()));
        let compiled = Mutex::default();
        Some(Self {
            vendor,
            dialect,
            document,
            base_path,
            routes,
            compiled,
        })
    }

    /// Checks an exchange of a stand-in or of a client.
    pub fn check(&self, exchange: &Exchange<'_>) -> Result<(), Violation> {
        if self.vendor.ignores(exchange.path) {
            return Ok(());
        }
        let (method, query) = self.vendor.normalised(exchange.method, exchange.query);
        let (route, operation) = self
            .operation(&method, exchange.path)
            .ok_or_else(|| Violation::UnknownRoute(method.clone(), exchange.path.to_owned()))?;
        let name = format!("{} {}", method.to_uppercase(), route.path);
        let parameters = self.parameters(route, operation);
        for (parameter, _) in &query {
            let known = parameters.iter().any(|p| {
                p.get("in").and_then(Value::as_str) == Some("query")
                    && p.get("name").and_then(Value::as_str) == Some(parameter)
            });
            if !known {
                return Err(Violation::UnknownQuery {
                    route: name,
                    name: parameter.clone(),
                });
            }
        }
        // A refused request may well be malformed: that is why it was refused.
        if exchange.status < 400
            && let (Some(body), Some(schema)) =
                (exchange.request_body, self.request_schema(operation, &parameters))
            && !self.vendor.free_request(&name)
        {
            self.fits(&format!("{name} request"), schema, body)
                .map_err(|reason| Violation::RequestBody {
                    route: name.clone(),
                    reason,
                })?;
        }
        let schema = match self.response_schema(&name, operation, exchange.status) {
            Some(schema) => schema,
            None => {
                return Err(Violation::UnknownStatus {
                    route: name,
                    status: exchange.status,
                });
            }
        };
        if let (Some(body), Some(schema)) = (exchange.response_body, schema) {
            let label = format!("{name} {}", exchange.status);
            self.fits(&label, &schema, body)
                .map_err(|reason| Violation::ResponseBody {
                    route: name,
                    status: exchange.status,
                    reason,
                })?;
        }
        Ok(())
    }

    /// [`Contract::check`] for what passed through [`crate::SandboxTool::handle`].
    pub fn check_handled(&self, request: &Request, reply: &Reply) -> Result<(), Violation> {
        let sent: Option<Value> = serde_json::from_slice(&request.body).ok();
        let received: Option<Value> = serde_json::from_slice(&reply.body).ok();
        self.check(&Exchange {
            method: &request.method,
            path: &request.path,
            query: &request.query,
            request_body: sent.as_ref(),
            status: reply.status.as_u16(),
            response_body: received.as_ref(),
        })
    }

    /// [`Contract::check`] for what a sandbox recorded.
    pub fn check_recorded(&self, recorded: &crate::recording::Exchange) -> Result<(), Violation> {
        let sent: Option<Value> = serde_json::from_slice(&recorded.request_body).ok();
        let received: Option<Value> = serde_json::from_slice(&recorded.response_body).ok();
        self.check(&Exchange {
            method: &recorded.method,
            path: &recorded.path,
            query: &recorded.query,
            request_body: sent.as_ref(),
            status: recorded.status.as_u16(),
            response_body: received.as_ref(),
        })
    }

    fn operation(&self, method: &str, path: &str) -> Option<(&Route, &Value)> {
        let path = self.vendor.strip_prefix(path).strip_prefix(&self.base_path)?;
        let segments: Vec<&str> = split(path).collect();
        self.routes
            .iter()
            .filter(|route| self.vendor.matches(&route.template, &segments))
            .find_map(|route| {
                let item = self.document.get("paths")?.get(&route.path)?;
                Some((route, item.get(method)?))
            })
    }

    fn parameters<'a>(&'a self, route: &Route, operation: &'a Value) -> Vec<&'a Value> {
        let item = self.document.get("paths").and_then(|p| p.get(&route.path));
        [Some(operation), item]
            .into_iter()
            .flatten()
            .filter_map(|holder| holder.get("parameters")?.as_array())
            .flatten()
            .map(|p| self.resolve(p))
            .collect()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|r| self.document.pointer(r.trim_start_matches('#')))
            .unwrap_or(value)
    }

    fn request_schema<'a>(&self, operation: &'a Value, parameters: &[&'a Value]) -> Option<&'a Value> {
        match self.dialect {
            Dialect::Swagger2 => parameters
                .iter()
                .find(|p| p.get("in").and_then(Value::as_str) == Some("body"))
                .and_then(|p| p.get("schema")),
            Dialect::OpenApi3 => first_content(operation.get("requestBody")?),
        }
    }

    /// Outer `None`: the status is not documented. Inner `None`: it is, and says nothing of the body.
    fn response_schema(&self, route: &str, operation: &Value, status: u16) -> Option<Option<Value>> {
        if let Some(gap) = self.vendor.gap(route, status) {
            return Some(gap.schema());
        }
        let responses = operation.get("responses")?;
        let response = self.resolve(
            responses
                .get(status.to_string())
                .or_else(|| responses.get("default"))?,
        );
        Some(match self.dialect {
            Dialect::Swagger2 => response.get("schema").cloned(),
            Dialect::OpenApi3 => {
                first_content(response).map(|schema| self.vendor.enveloped(route, schema.clone()))
            }
        })
    }

    fn fits(&self, label: &str, schema: &Value, body: &Value) -> Result<(), String> {
        let validator = self.validator(label, schema)?;
        let errors: Vec<String> = validator
            .iter_errors(body)
            .take(5)
            .map(|e| format!("at `{}`: {e}", e.instance_path()))
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("; "))
        }
    }

    fn validator(&self, label: &str, schema: &Value) -> Result<Arc<jsonschema::Validator>, String> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(label) {
            return Ok(Arc::clone(validator));
        }
        let whole = schema::stand_alone(&self.document, self.dialect, self.vendor, schema);
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .build(&whole)
            .map_err(|e| format!("its schema does not compile: {e}"))?;
        let validator = Arc::new(validator);
        compiled.insert(label.to_owned(), Arc::clone(&validator));
        Ok(validator)
    }
}

fn first_content(holder: &Value) -> Option<&Value> {
    holder.get("content")?.as_object()?.values().next()?.get("schema")
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|s| !s.is_empty())
}
