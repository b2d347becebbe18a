//! A reader of server-sent events.

use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::{Method, Response};
use serde_json::Value;

use super::{PATIENCE, Server};

/// What a stream says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Event { id: String, kind: String, data: Value },
    Comment(String),
}

/// An open stream.
pub struct Events {
    bytes: BoxStream<'static, Vec<u8>>,
    text: String,
    /// The last id that was given, with an event or without: what `EventSource` comes back with.
    pub last: String,
}

impl Events {
    pub async fn open(server: &Server, path: &str, last: Option<&str>) -> Self {
        Self::of(ask(server, path, last).await).await
    }

    /// The stream of an answer.
    pub async fn of(response: Response) -> Self {
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let bytes = response
            .bytes_stream()
            .map(|chunk| chunk.unwrap().to_vec())
            .boxed();
        let mut events = Self {
            bytes,
            text: String::new(),
            last: String::new(),
        };
        let greeting = events.block().await.unwrap();
        let (id, retry) = greeting.split_once('\n').unwrap();
        assert_eq!(retry, "retry: 2000");
        id.strip_prefix("id: ").unwrap().clone_into(&mut events.last);
        events
    }

    /// The next block of lines; none: the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                return Some(block.trim_end().to_owned());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.bytes.next()).await;
            match chunk.expect("something is said in time") {
                Some(chunk) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                None => {
                    assert_eq!(self.text, "", "cut off");
                    return None;
                }
            }
        }
    }

    pub async fn next(&mut self) -> Option<Said> {
        let block = self.block().await?;
        if let Some(comment) = block.strip_prefix(": ") {
            let (comment, id) = comment.split_once("\nid: ").unwrap_or((comment, &self.last));
            self.last = id.to_owned();
            return Some(Said::Comment(comment.to_owned()));
        }
        let lines: Vec<&str> = block.lines().collect();
        let [id, kind, data] = lines.as_slice() else {
            panic!("{block}")
        };
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let id = id.strip_prefix("id: ").unwrap().to_owned();
        self.last.clone_from(&id);
        let kind = kind.strip_prefix("event: ").unwrap().to_owned();
        assert_eq!(
            (data["position"].as_str(), data["event_type"].as_str()),
            (Some(&*id), Some(&*kind))
        );
        Some(Said::Event { id, kind, data })
    }

    /// The next event, whatever is remarked before it.
    pub async fn event(&mut self) -> Option<(String, String, Value)> {
        loop {
            match self.next().await? {
                Said::Event { id, kind, data } => return Some((id, kind, data)),
                Said::Comment(comment) => assert!(!comment.contains("slow"), "{comment}"),
            }
        }
    }

    /// The ids of all events until the stream ends.
    pub async fn ids(mut self) -> Vec<String> {
        let mut ids = Vec::new();
        while let Some((id, ..)) = self.event().await {
            ids.push(id);
        }
        ids
    }
}

/// Asks for a stream.
pub async fn ask(server: &Server, path: &str, last: Option<&str>) -> Response {
    let mut request = server.request(Method::GET, path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.send().await.unwrap()
}
