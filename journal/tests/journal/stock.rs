use std::collections::HashMap;

use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use cqrs_es::{AggregateError, CqrsFramework, EventStore};
use opstella_journal::*;
use postgres_es::{PostgresEventRepository, default_postgress_pool};

use crate::support::*;

#[tokio::test]
async fn stock_postgres_es_reads_and_appends_between_our_appends() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    let pool = default_postgress_pool(&fixture.url).await;
    let stock =
        || PersistedEventStore::<_, Book>::new_event_store(PostgresEventRepository::new(pool.clone()));
    let cqrs = CqrsFramework::new(stock(), vec![], ());
    let mut expected = Vec::new();
    for n in 0..10 {
        let (ours, theirs) = (format!("ours {n}"), format!("theirs {n}"));
        while let Err(error) = note(journal, "b", &[&ours]).await {
            // Our cache knew nothing of their append.
            assert!(matches!(error, JournalError::Conflict { .. }), "{error}");
        }
        let metadata = HashMap::from([("command".to_owned(), "Theirs".to_owned())]);
        cqrs.execute_with_metadata("b", BookCommand::Note(theirs.clone()), metadata)
            .await
            .unwrap();
        expected.extend([ours, theirs]);
    }
    assert_eq!(notes(journal, "b").await, expected);
    let theirs = stock().load_aggregate("b").await.unwrap();
    assert_eq!((theirs.aggregate.notes, theirs.current_sequence), (expected, 20));
    let envelopes = stock().load_events("b").await.unwrap();
    assert_eq!(envelopes[0].metadata["actor_subject"], "alice");

    let events = take(&mut journal.subscribe(Position::START), 20).await;
    assert_orderly(&events);
    assert_eq!(events[19].metadata().unwrap().command, "Theirs");

    // And they find out when they are too late.
    let late = stock().load_aggregate("b").await.unwrap();
    journal.evict::<Book>("b");
    note(journal, "b", &["first"]).await.unwrap();
    let error = stock()
        .commit(vec![noted("late")], late, HashMap::new())
        .await
        .unwrap_err();
    assert!(matches!(error, AggregateError::AggregateConflict), "{error}");
}

#[tokio::test]
async fn stock_postgres_es_with_snapshots_works_on_our_tables() {
    let fixture = fixture().await;
    let pool = default_postgress_pool(&fixture.url).await;
    let store = || {
        let repository = PostgresEventRepository::new(pool.clone());
        PersistedEventStore::<_, Book>::new_snapshot_store(repository, 3)
    };
    let cqrs = CqrsFramework::new(store(), vec![], ());
    for n in 0..8 {
        cqrs.execute("b", BookCommand::Note(n.to_string())).await.unwrap();
    }
    // Its statements work on our tables. What it puts into a snapshot is wrong, though: cqrs-es 0.5 applies the events
    // to a state that `EventSink::write` applied them to before. So ours never start from such a snapshot.
    assert_eq!(store().load_events("b").await.unwrap().len(), 8);
    let repository = PostgresEventRepository::new(pool.clone());
    let snapshot = repository.get_snapshot::<Book>("b").await.unwrap().unwrap();
    assert_eq!((snapshot.current_sequence, snapshot.current_snapshot), (6, 2));
    assert_eq!(notes(&fixture.journal, "b").await.len(), 8);
}
