use std::sync::Arc;

use cqrs_es::persist::SemanticVersionEventUpcaster;
use opstella_journal::*;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::support::*;

fn renamed(version: &str, from: &'static str, to: &'static str) -> Arc<dyn Upcaster> {
    let change = move |mut payload: Value| {
        if let Some(event) = payload.get_mut("Noted").and_then(Value::as_object_mut)
            && let Some(value) = event.remove(from)
        {
            event.insert(to.to_owned(), value);
        }
        payload
    };
    Arc::new(UpcasterFor::new(
        "book",
        SemanticVersionEventUpcaster::new("Noted", version, Box::new(change)),
    ))
}

#[tokio::test]
async fn old_events_are_read_in_todays_form_and_stay_as_they_are() {
    let options = JournalOptions {
        upcasters: vec![
            renamed("0.5", "words", "wording"),
            renamed("1.0", "wording", "text"),
        ],
        ..JournalOptions::default()
    };
    let fixture = fixture_with(options).await;
    let pool = pool(&fixture.url).await;
    for (sequence, version, field) in [(1, "0.1", "words"), (2, "0.5", "wording"), (3, "1.0", "text")] {
        let payload = json!({"Noted": {field: format!("n{sequence}")}}).to_string();
        sqlx::query("INSERT INTO events VALUES ('book', 'b', $1, 'Noted', $2, $3::text::json, '{}')")
            .bind(i64::from(sequence))
            .bind(version)
            .bind(payload)
            .execute(&pool)
            .await
            .unwrap();
    }
    assert_eq!(notes(&fixture.journal, "b").await, ["n1", "n2", "n3"]);
    let history = fixture.journal.history("book", "b", 1, 10).await.unwrap();
    let followed = take(&mut fixture.journal.subscribe(Position::START), 3).await;
    for events in [&history, &followed] {
        for event in events.iter() {
            assert!(matches!(
                event.payload_as::<BookEvent>().unwrap(),
                BookEvent::Noted { .. }
            ));
            assert!(event.event_version.starts_with("1.0"));
        }
    }
    let stored = fixture
        .journal
        .history_as_stored("book", "b", 1, 10)
        .await
        .unwrap();
    assert_eq!(stored[0].payload, r#"{"Noted":{"words":"n1"}}"#);
    let raw = take(&mut fixture.journal.subscribe_as_stored(Position::START), 3).await;
    assert_eq!(raw, stored);
    note(&fixture.journal, "b", &["n4"]).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_understood_is_named() {
    let fixture = fixture().await;
    let pool = pool(&fixture.url).await;
    pool.execute(
        "INSERT INTO events VALUES ('book', 'b', 1, 'Scribbled', '0.1', '{\"Scribbled\":{}}', '{}')",
    )
    .await
    .unwrap();
    pool.execute("INSERT INTO events VALUES ('book', 'c', 2, 'Cleared', '1.0', '\"Cleared\"', '{}')")
        .await
        .unwrap();
    let error = fixture.journal.load::<Book>("b").await.unwrap_err();
    assert!(
        matches!(&error, JournalError::Corrupt { sequence: 1, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("Scribbled 0.1"), "{error}");
    let error = fixture.journal.load::<Book>("c").await.unwrap_err();
    assert!(
        matches!(&error, JournalError::Corrupt { sequence: 2, .. }),
        "{error}"
    );
}
