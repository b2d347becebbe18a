//! Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>, section 9.2.6).

use std::time::Duration;

/// Largest line that is read, and largest event.
const LARGEST: usize = 4 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its data.
    pub data: String,
    /// The id of the last event so far that had one.
    pub id: Option<String>,
}

/// Turns bytes into events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    data: String,
    id: Option<String>,
    /// The last id that a whole block has given, with data or without: where to go on after a lost connection.
    pub last: Option<String>,
    /// How long to wait before coming back, where the server said so.
    pub retry: Option<Duration>,
    after_cr: bool,
}

impl Parser {
    /// Takes bytes, gives the events that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.line(&String::from_utf8_lossy(&line)));
                }
                _ => self.line.push(byte),
            }
            if self.line.len() > LARGEST || self.data.len() > LARGEST {
                return Err(format!("an event has more than {LARGEST} bytes"));
            }
        }
        Ok(events)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let mut data = std::mem::take(&mut self.data);
            self.last.clone_from(&self.id);
            if data.is_empty() {
                return None;
            }
            data.pop();
            return Some(Event {
                data,
                id: self.id.clone(),
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" => {
                if let Ok(millis) = value.parse() {
                    self.retry = Some(Duration::from_millis(millis));
                }
            }
            // Comments, and fields that the standard does not know.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_events_however_the_bytes_are_cut() {
        let text = "retry: 50\n\n: heartbeat\n\nid: 1-2\r\nevent: X\r\ndata: {\"é\":\ndata: 1}\n\ndata:b\n\ndata: cut";
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let events: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| parser.feed(chunk).unwrap())
                .collect();
            let id = Some("1-2".to_owned());
            let wanted = [("{\"é\":\n1}", id.clone()), ("b", id)];
            let wanted = wanted.map(|(data, id)| Event {
                data: data.into(),
                id,
            });
            assert_eq!(events, wanted, "chunks of {size}");
            assert_eq!(parser.retry, Some(Duration::from_millis(50)));
        }
    }

    #[test]
    fn an_id_counts_without_data_once_its_block_is_whole() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(b"id: 1-1\nretry: 50\n").unwrap(), []);
        assert_eq!(parser.last, None);
        assert_eq!(parser.feed(b"\n").unwrap(), []);
        assert_eq!(parser.last.as_deref(), Some("1-1"));
        assert_eq!(
            parser
                .feed(b": heartbeat\nid: 1-2\n\nid: 1-3\ndata: cut")
                .unwrap(),
            []
        );
        assert_eq!(parser.last.as_deref(), Some("1-2"));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1 << 20];
        assert!((0..5).any(|_| parser.feed(&chunk).is_err()));
    }
}
