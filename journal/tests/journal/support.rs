//! An aggregate to test with, and a database for it.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_journal::*;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// A list of notes.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Book {
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum BookEvent {
    Noted { text: String },
    Cleared,
}

pub enum BookCommand {
    Note(String),
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
pub struct BookError;

impl DomainEvent for BookEvent {
    fn event_type(&self) -> String {
        match self {
            BookEvent::Noted { .. } => "Noted".into(),
            BookEvent::Cleared => "Cleared".into(),
        }
    }

    fn event_version(&self) -> String {
        "1.0".into()
    }
}

impl Aggregate for Book {
    const TYPE: &'static str = "book";
    type Command = BookCommand;
    type Event = BookEvent;
    type Error = BookError;
    type Services = ();

    async fn handle(
        &mut self,
        command: BookCommand,
        _services: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), BookError> {
        let BookCommand::Note(text) = command;
        sink.write(BookEvent::Noted { text }, self).await;
        Ok(())
    }

    fn apply(&mut self, event: BookEvent) {
        match event {
            BookEvent::Noted { text } => self.notes.push(text),
            BookEvent::Cleared => self.notes.clear(),
        }
    }
}

pub fn noted(text: impl Into<String>) -> BookEvent {
    BookEvent::Noted { text: text.into() }
}

pub fn metadata() -> EventMetadata {
    EventMetadata::new("alice", "Note", "c-1")
}

pub struct Fixture {
    pub journal: Journal,
    pub url: String,
    _database: TestDatabase,
}

pub async fn pool(url: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(4)
        .connect(url)
        .await
        .unwrap()
}

pub async fn open(url: &str, options: JournalOptions) -> Journal {
    Journal::open(pool(url).await, options).await.unwrap()
}

pub async fn fixture() -> Fixture {
    fixture_with(JournalOptions::default()).await
}

pub async fn fixture_with(options: JournalOptions) -> Fixture {
    let database = test_database().await.unwrap();
    let url = database.url.clone();
    migrate(&pool(&url).await).await.unwrap();
    Fixture {
        journal: open(&url, options).await,
        url,
        _database: database,
    }
}

/// Appends notes to a book as it is loaded.
pub async fn note(journal: &Journal, id: &str, texts: &[&str]) -> Result<Appended, JournalError> {
    let loaded = journal.load::<Book>(id).await?;
    let events = texts.iter().map(|text| noted(*text)).collect();
    journal
        .append(Append::new(metadata(), vec![StreamAppend::of(&loaded, events)?]))
        .await
}

pub async fn notes(journal: &Journal, id: &str) -> Vec<String> {
    journal.load_fresh::<Book>(id).await.unwrap().state.notes.clone()
}

/// Follows a subscription until `count` events came, or fails after a minute.
pub async fn take(subscription: &mut Subscription, count: usize) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    let all = async {
        while events.len() < count {
            events.extend(subscription.next(count - events.len()).await.unwrap().events);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("too few events");
    events
}

/// Runs one of these tests in a process of its own, with a variable set that says on which database.
pub fn process(test: &str, variable: &str, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(variable, url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Each event once, in order, and each stream from 1 without a gap.
pub fn assert_orderly(events: &[RecordedEvent]) {
    assert!(
        events.windows(2).all(|pair| pair[0].position < pair[1].position),
        "not in order"
    );
    let mut seen = BTreeSet::new();
    let mut versions = std::collections::BTreeMap::<(&str, &str), u64>::new();
    for event in events {
        assert!(
            seen.insert((&event.aggregate_type, &event.aggregate_id, event.sequence)),
            "twice: {event:?}"
        );
        let version = versions
            .entry((&event.aggregate_type, &event.aggregate_id))
            .or_default();
        *version += 1;
        assert_eq!(event.sequence, *version, "a gap in {}", event.aggregate_id);
    }
}
