//! A caller that holds each exchange against the vendor's description.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use opstella_sandbox::contract::{Contract, Vendor};
use opstella_sandbox::{Reply, Request, SandboxTool};
use serde_json::Value;

/// Descriptions are big; each is read once a process, and not at all where the directory lacks it.
pub fn contract(vendor: Vendor) -> Option<&'static Contract> {
    static ALL: [OnceLock<Option<Contract>>; 4] = [const { OnceLock::new() }; 4];
    let slot = match vendor {
        Vendor::ArgoCd => &ALL[0],
        Vendor::Harbor => &ALL[1],
        Vendor::Kubernetes => &ALL[2],
        Vendor::Vault => &ALL[3],
    };
    slot.get_or_init(|| Contract::load(vendor).unwrap()).as_ref()
}

pub struct Client<T> {
    pub tool: T,
    pub vendor: Vendor,
    pub headers: Vec<(&'static str, String)>,
}

pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: HeaderMap,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|v| v.to_str().unwrap())
            .unwrap_or_default()
    }

    pub fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Asserts the status; the answer itself.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

impl<T: SandboxTool> Client<T> {
    pub fn new(tool: T, vendor: Vendor, header: &'static str, value: &str) -> Self {
        Self {
            tool,
            vendor,
            headers: vec![(header, value.to_owned())],
        }
    }

    #[track_caller]
    pub fn with(&self, extra: &[(&'static str, &str)], method: &str, target: &str, body: Value) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        let own = self.headers.iter().map(|(n, v)| (*n, v.as_str()));
        for (name, value) in own.chain(extra.iter().copied()) {
            if value.is_empty() {
                headers.remove(name);
            } else {
                headers.insert(
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                );
            }
        }
        let request = Request {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers,
            body: if body.is_null() {
                bytes::Bytes::new()
            } else {
                body.to_string().into()
            },
            base_url: format!("http://127.0.0.1:1/{}", self.tool.name()),
        };
        let reply: Reply = self.tool.handle(&request);
        if let Some(contract) = contract(self.vendor)
            && let Err(violation) = contract.check_handled(&request, &reply)
        {
            let text = String::from_utf8_lossy(&reply.body);
            panic!(
                "{method} {target}: {violation}\nsent {body}\ngot {} {text}",
                reply.status
            );
        }
        Answer {
            status: reply.status.as_u16(),
            body: serde_json::from_slice(&reply.body).unwrap_or_default(),
            headers: reply.headers,
        }
    }

    #[track_caller]
    pub fn call(&self, method: &str, target: &str, body: Value) -> Answer {
        self.with(&[("content-type", "application/json")], method, target, body)
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Answer {
        self.with(&[], "GET", target, Value::Null)
    }

    #[track_caller]
    pub fn delete(&self, target: &str) -> Answer {
        self.with(&[], "DELETE", target, Value::Null)
    }

    #[track_caller]
    pub fn post(&self, target: &str, body: Value) -> Answer {
        self.call("POST", target, body)
    }
}
