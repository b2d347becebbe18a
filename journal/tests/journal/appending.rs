use opstella_journal::*;

use crate::support::*;

#[tokio::test]
async fn what_is_appended_is_loaded_warm_and_fresh() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    assert_eq!(journal.load::<Book>("b").await.unwrap().version, 0);
    let first = note(journal, "b", &["one", "two"]).await.unwrap();
    assert_eq!(first.versions, [2]);
    let warm = journal.load::<Book>("b").await.unwrap();
    assert!(warm.warm && warm.version == 2);
    assert_eq!(warm.state.notes, ["one", "two"]);
    let fresh = journal.load_fresh::<Book>("b").await.unwrap();
    assert!(!fresh.warm && fresh.version == 2 && fresh.state == warm.state);
    let second = note(journal, "b", &["three"]).await.unwrap();
    assert!(second.position > first.position);
    journal.evict::<Book>("b");
    assert!(!journal.load::<Book>("b").await.unwrap().warm);
    assert_eq!(journal.head().await.unwrap(), second.position);
}

#[tokio::test]
async fn metadata_is_kept_with_every_event() {
    let fixture = fixture().await;
    let mut given = metadata();
    given.actor.roles = vec!["owner".into()];
    given.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    given.reason = Some("it's \"time\" \u{1f600} \u{0}".into());
    let stream =
        StreamAppend::of(&Loaded::<Book>::absent("b"), vec![noted("one"), noted("a\u{0}b")]).unwrap();
    fixture
        .journal
        .append(Append::new(given.clone(), vec![stream]))
        .await
        .unwrap();
    let history = fixture.journal.history("book", "b", 1, 10).await.unwrap();
    assert_eq!(history.len(), 2);
    for event in &history {
        assert_eq!(event.metadata().unwrap(), given);
    }
    assert_eq!(history[0].payload, r#"{"Noted":{"text":"one"}}"#);
    assert_eq!(history[1].payload_as::<BookEvent>().unwrap(), noted("a\u{0}b"));
}

#[tokio::test]
async fn several_streams_are_stored_together_or_not_at_all() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    note(journal, "taken", &["first"]).await.unwrap();
    let absent =
        |id: &str| StreamAppend::of(&Loaded::<Book>::absent(id), vec![noted("x"), noted("y")]).unwrap();
    let refused = journal
        .append(Append::new(metadata(), vec![absent("a"), absent("taken")]))
        .await;
    assert!(matches!(
        refused,
        Err(JournalError::Conflict { aggregate_id, expected: 0, .. }) if aggregate_id == "taken"
    ));
    assert_eq!(journal.load::<Book>("a").await.unwrap().version, 0);
    let stored = journal
        .append(Append::new(metadata(), vec![absent("a"), absent("b")]))
        .await
        .unwrap();
    assert_eq!(stored.versions, [2, 2]);
    let mut all = journal.subscribe(Position::START);
    let events = take(&mut all, 5).await;
    assert_orderly(&events);
    let transactions: Vec<_> = events[1..]
        .iter()
        .map(|event| event.position.transaction_id)
        .collect();
    assert!(
        transactions
            .iter()
            .all(|transaction| *transaction == stored.position.transaction_id)
    );
    assert_eq!(events[4].position, stored.position);
}

#[tokio::test]
async fn nothing_to_append_is_no_error_and_leaves_nothing() {
    let fixture = fixture().await;
    let stream = StreamAppend::of(&Loaded::<Book>::absent("b"), vec![]).unwrap();
    let appended = fixture
        .journal
        .append(Append::new(metadata(), vec![stream]))
        .await
        .unwrap();
    assert_eq!(
        appended,
        Appended {
            position: Position::START,
            versions: vec![0]
        }
    );
    assert_eq!(fixture.journal.head().await.unwrap(), Position::START);
}

#[tokio::test]
async fn many_at_once_are_all_stored_and_share_transactions() {
    let fixture = fixture().await;
    let ids: Vec<String> = (0..200).map(|n| format!("b{n}")).collect();
    let appends = ids.iter().map(|id| note(&fixture.journal, id, &["x"]));
    let results = futures::future::join_all(appends).await;
    let transactions: std::collections::BTreeSet<u64> = results
        .into_iter()
        .map(|result| result.unwrap().position.transaction_id)
        .collect();
    assert!(
        transactions.len() < 100,
        "{} transactions for 200 appends",
        transactions.len()
    );
    assert_orderly(&take(&mut fixture.journal.subscribe(Position::START), 200).await);
}

#[tokio::test]
async fn closing_stores_what_waits_and_refuses_the_rest() {
    let fixture = fixture().await;
    let ids: Vec<String> = (0..50).map(|n| format!("b{n}")).collect();
    let appends = ids.iter().map(|id| {
        let stream = StreamAppend::of(&Loaded::<Book>::absent(id), vec![noted("x")]).unwrap();
        let journal = fixture.journal.clone();
        tokio::spawn(async move { journal.append(Append::new(metadata(), vec![stream])).await })
    });
    let tasks: Vec<_> = appends.collect();
    tokio::task::yield_now().await;
    fixture.journal.close().await;
    let mut stored = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => stored += 1,
            Err(error) => assert!(matches!(error, JournalError::Closed), "{error}"),
        }
    }
    let again = note(&fixture.journal, "late", &["x"]).await;
    assert!(again.is_err());
    let reopened = open(&fixture.url, JournalOptions::default()).await;
    let found = futures::future::join_all(ids.iter().map(|id| notes(&reopened, id))).await;
    assert_eq!(found.iter().filter(|notes| !notes.is_empty()).count(), stored);
}
