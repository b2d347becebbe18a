//! The bounded recording of exchanges that contract tests read.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::{Reply, Request};

/// How many exchanges are kept; older ones are forgotten.
pub const CAPACITY: usize = 20_000;

/// One request and the answer that the tool gave it (faults are not recorded: they are not the vendor's).
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The tool's name.
    pub tool: String,
    /// HTTP method.
    pub method: Method,
    /// Path below the tool's prefix, percent-encoded.
    pub path: String,
    /// Decoded query pairs.
    pub query: Vec<(String, String)>,
    /// `Content-Type` of the request.
    pub request_content_type: Option<String>,
    /// Whole request body.
    pub request_body: Bytes,
    /// Status of the answer.
    pub status: StatusCode,
    /// `Content-Type` of the answer.
    pub response_content_type: Option<String>,
    /// Whole body of the answer.
    pub response_body: Bytes,
}

/// Keeps the most recent exchanges, or none where it is off.
#[derive(Debug)]
pub(crate) struct Recorder {
    on: bool,
    exchanges: Mutex<VecDeque<Exchange>>,
}

impl Recorder {
    pub(crate) fn new(on: bool) -> Self {
        Self {
            on,
            exchanges: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn record(&self, tool: &str, request: &Request, reply: &Reply) {
        if !self.on {
            return;
        }
        let content_type = |headers: &http::HeaderMap| {
            headers
                .get(http::header::CONTENT_TYPE)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned)
        };
        let exchange = Exchange {
            tool: tool.to_owned(),
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            request_content_type: content_type(&request.headers),
            request_body: request.body.clone(),
            status: reply.status,
            response_content_type: content_type(&reply.headers),
            response_body: reply.body.clone(),
        };
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        if exchanges.len() >= CAPACITY {
            exchanges.pop_front();
        }
        exchanges.push_back(exchange);
    }

    pub(crate) fn snapshot(&self) -> Vec<Exchange> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}
