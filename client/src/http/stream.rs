//! Following a run's events, over lost connections.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use super::sse::{Event, Parser};
use super::{Api, retry};
use crate::error::ClientError;

/// Longest silence: three heartbeats of the server.
const SILENCE: Duration = Duration::from_secs(45);
/// Connections in a row that bring nothing.
const FRUITLESS: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What came next.
#[derive(Debug)]
pub(crate) enum Followed {
    /// An event.
    Event(Value),
    /// The connection was lost and is there again.
    Reconnected,
    /// The stream ended without an event that ends the run: ask for the run, then go on.
    Paused,
}

/// The events of a run, each once, from the first on.
pub(crate) struct RunEvents<'a> {
    api: &'a Api,
    path: String,
    open: Option<Response>,
    parser: Parser,
    ready: VecDeque<Event>,
    last: Option<String>,
    fruitless: u32,
    pause: Option<Duration>,
    connected_before: bool,
}

impl<'a> RunEvents<'a> {
    /// The events at this path.
    pub fn new(api: &'a Api, path: String) -> Self {
        Self {
            api,
            path,
            open: None,
            parser: Parser::default(),
            ready: VecDeque::new(),
            last: None,
            fruitless: 0,
            pause: None,
            connected_before: false,
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// The server refuses, or many connections in a row brought nothing.
    pub async fn next(&mut self) -> Result<Followed, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.fruitless = 0;
                self.last = event.id.or(self.last.take());
                match serde_json::from_str::<Value>(&event.data) {
                    Ok(json) => return Ok(Followed::Event(json)),
                    // Something newer than this client: passed over.
                    Err(_) => continue,
                }
            }
            let Some(stream) = &mut self.open else {
                self.connect().await?;
                if std::mem::replace(&mut self.connected_before, true) {
                    return Ok(Followed::Reconnected);
                }
                continue;
            };
            match tokio::time::timeout(SILENCE, stream.chunk()).await {
                Ok(Ok(Some(chunk))) => match self.parser.feed(&chunk) {
                    Ok(events) => self.ready.extend(events),
                    Err(why) => return Err(ClientError::Unreachable(format!("GET {}: {why}", self.path))),
                },
                // An end, a lost connection and silence are the same: come back, after the last id that was whole. Every
                // event before it has been handed on.
                _ => {
                    if self.fruitless >= FRUITLESS {
                        return Err(ClientError::Unreachable(format!(
                            "GET {}: the stream ends again and again before anything comes",
                            self.path
                        )));
                    }
                    self.pause = self.parser.retry.or(self.pause);
                    self.open = None;
                    let parser = std::mem::take(&mut self.parser);
                    self.last = parser.last.or(self.last.take());
                    self.fruitless += 1;
                    return Ok(Followed::Paused);
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        loop {
            if self.fruitless > 0 {
                let asked = self.pause.map(|pause| pause.min(LONGEST_PAUSE));
                tokio::time::sleep(retry::pause(self.fruitless, asked)).await;
            }
            match self.api.open(&self.path, self.last.as_deref()).await {
                Ok(stream) => {
                    self.open = Some(stream);
                    return Ok(());
                }
                Err(error) => {
                    let final_one = match &error {
                        ClientError::Refused { problem, .. } => problem.status != 429,
                        ClientError::Usage(_) | ClientError::LoggedOut(_) => true,
                        ClientError::Unavailable { .. } | ClientError::Unreachable(_) => false,
                    };
                    self.fruitless += 1;
                    if final_one || self.fruitless >= FRUITLESS {
                        return Err(error);
                    }
                }
            }
        }
    }
}
