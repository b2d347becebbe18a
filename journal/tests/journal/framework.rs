use std::collections::HashMap;

use cqrs_es::persist::PersistedEventStore;
use cqrs_es::{AggregateError, CqrsFramework, EventStore};
use opstella_journal::*;

use crate::support::*;

#[tokio::test]
async fn the_framework_of_cqrs_es_works_over_the_journal_with_every_kind_of_store() {
    let fixture = fixture().await;
    let repository = || JournalRepository::new(fixture.journal.clone());
    type Store = PersistedEventStore<JournalRepository, Book>;
    type Make = fn(JournalRepository) -> Store;
    let stores: [(&str, Make); 3] = [
        ("events", Store::new_event_store),
        ("snapshots", |repository| Store::new_snapshot_store(repository, 2)),
        ("aggregates", Store::new_aggregate_store),
    ];
    for (id, store) in stores {
        let cqrs = CqrsFramework::new(store(repository()), vec![], ());
        for n in 0..7 {
            let metadata = HashMap::from([("who".to_owned(), "me".to_owned())]);
            cqrs.execute_with_metadata(id, BookCommand::Note(n.to_string()), metadata)
                .await
                .unwrap();
        }
        let context = store(repository()).load_aggregate(id).await.unwrap();
        assert_eq!(
            context.aggregate.notes,
            ["0", "1", "2", "3", "4", "5", "6"],
            "{id}"
        );
        assert_eq!(fixture.journal.load::<Book>(id).await.unwrap().version, 7);
        let last = fixture.journal.history("book", id, 7, 1).await.unwrap();
        assert_eq!(
            last[0].metadata().unwrap().extra.get("who").map(String::as_str),
            Some("me")
        );
    }
}

#[tokio::test]
async fn a_conflict_is_a_conflict_for_cqrs_es() {
    let fixture = fixture().await;
    let store =
        || PersistedEventStore::<_, Book>::new_event_store(JournalRepository::new(fixture.journal.clone()));
    let (left, right) = (store(), store());
    let (a, b) = (
        left.load_aggregate("b").await.unwrap(),
        right.load_aggregate("b").await.unwrap(),
    );
    left.commit(vec![noted("left")], a, HashMap::new()).await.unwrap();
    let error = right
        .commit(vec![noted("right")], b, HashMap::new())
        .await
        .unwrap_err();
    assert!(matches!(error, AggregateError::AggregateConflict), "{error}");
}

#[tokio::test]
async fn streams_replay_everything() {
    use cqrs_es::persist::PersistedEventRepository;
    let fixture = fixture().await;
    for id in ["a", "b"] {
        note(&fixture.journal, id, &["1", "2", "3"]).await.unwrap();
    }
    // All streams are read up to the oldest open transaction, which may be another test's.
    let newest = fixture.journal.history("book", "b", 3, 1).await.unwrap()[0].position;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while fixture.journal.head().await.unwrap() < newest {
        assert!(tokio::time::Instant::now() < deadline, "held back");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let repository = JournalRepository::new(fixture.journal.clone());
    let mut one = repository.stream_events::<Book>("a").await.unwrap();
    let mut count = 0;
    while let Some(event) = one.next::<Book>(&[]).await {
        assert_eq!(event.unwrap().aggregate_id, "a");
        count += 1;
    }
    let mut all = repository.stream_all_events::<Book>().await.unwrap();
    while let Some(event) = all.next::<Book>(&[]).await {
        event.unwrap();
        count += 1;
    }
    assert_eq!(count, 9);
}
