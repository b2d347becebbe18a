use std::time::Duration;

use opstella_journal::*;
use serde_json::json;

use crate::support::*;

async fn refused(journal: &Journal, append: Append) -> JournalError {
    let error = journal.append(append).await.unwrap_err();
    assert_eq!(
        journal.head().await.unwrap(),
        Position::START,
        "something was stored"
    );
    error
}

fn one(id: &str, text: String) -> StreamAppend {
    StreamAppend::of(&Loaded::<Book>::absent(id), vec![noted(text)]).unwrap()
}

#[tokio::test]
async fn what_is_too_large_or_senseless_is_refused_and_nothing_stored() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    let append = |streams| Append::new(metadata(), streams);

    let large = refused(journal, append(vec![one("b", "x".repeat(300_000))])).await;
    assert!(
        matches!(
            large,
            JournalError::TooLarge {
                limit: 262_144,
                actual: 300_021,
                ..
            }
        ),
        "{large}"
    );
    let many = vec![noted("x"); 1001];
    let many = append(vec![
        StreamAppend::of(&Loaded::<Book>::absent("b"), many).unwrap(),
    ]);
    assert!(matches!(
        refused(journal, many).await,
        JournalError::TooLarge { limit: 1000, .. }
    ));
    let heavy = (0..20)
        .map(|n| one(&n.to_string(), "x".repeat(250_000)))
        .collect();
    assert!(matches!(
        refused(journal, append(heavy)).await,
        JournalError::TooLarge { .. }
    ));
    let twice = vec![one("b", "x".into()), one("b", "y".into())];
    assert!(matches!(
        refused(journal, append(twice)).await,
        JournalError::Invalid(_)
    ));
    for id in ["", "a\0b"] {
        assert!(matches!(
            refused(journal, append(vec![one(id, "x".into())])).await,
            JournalError::Invalid(_)
        ));
    }
    let long = append(vec![one(&"b".repeat(513), "x".into())]);
    assert!(matches!(
        refused(journal, long).await,
        JournalError::TooLarge { .. }
    ));
    for claim in [
        IdempotencyClaim::new("a", "k".repeat(513), "f", json!(1)),
        IdempotencyClaim::new("a", "k", "f", json!("x".repeat(300_000))),
        IdempotencyClaim::new("a\0", "k", "f", json!(1)),
    ] {
        let append = append(vec![one("b", "x".into())]).claiming(claim);
        let error = refused(journal, append).await;
        assert!(
            matches!(error, JournalError::TooLarge { .. } | JournalError::Invalid(_)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let fixture = fixture_with(JournalOptions {
        queue_capacity: 2,
        ..JournalOptions::default()
    })
    .await;
    let ids: Vec<String> = (0..50).map(|n| format!("b{n}")).collect();
    let appends = ids.iter().map(|id| {
        fixture
            .journal
            .append(Append::new(metadata(), vec![one(id, "x".into())]))
    });
    let results = futures::future::join_all(appends).await;
    let full = results
        .iter()
        .filter(|result| matches!(result, Err(JournalError::QueueFull)))
        .count();
    let stored = results.iter().filter(|result| result.is_ok()).count();
    assert!(
        full > 0 && stored > 0 && full + stored == 50,
        "{full} refused, {stored} stored"
    );
}

#[tokio::test]
async fn a_batch_is_bounded_but_every_append_gets_its_turn() {
    let options = JournalOptions {
        batch_rows: 3,
        batch_bytes: 2000,
        append_timeout: Duration::from_secs(30),
        ..JournalOptions::default()
    };
    let fixture = fixture_with(options).await;
    let ids: Vec<String> = (0..40).map(|n| format!("b{n}")).collect();
    let appends = ids.iter().map(|id| {
        let events = vec![noted("x".repeat(700)); 4];
        let stream = StreamAppend::of(&Loaded::<Book>::absent(id), events).unwrap();
        fixture.journal.append(Append::new(metadata(), vec![stream]))
    });
    for result in futures::future::join_all(appends).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn a_read_is_bounded_in_bytes_and_nothing_is_left_out() {
    const STREAMS: usize = 12;
    const EVENTS: usize = 25;
    let fixture = fixture_with(JournalOptions {
        read_bytes: 5000,
        snapshot_every: Some(10),
        ..JournalOptions::default()
    })
    .await;
    let texts: Vec<String> = (0..EVENTS).map(|n| format!("{n}{}", "x".repeat(1000))).collect();
    for stream in 0..STREAMS {
        for texts in texts.chunks(5) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            note(&fixture.journal, &format!("b{stream}"), &texts)
                .await
                .unwrap();
        }
    }
    let ids: Vec<String> = (0..STREAMS).map(|stream| format!("b{stream}")).collect();
    // So many at once that some share a read.
    let loads = ids.iter().map(|id| fixture.journal.load_fresh::<Book>(id));
    for loaded in futures::future::join_all(loads).await {
        assert_eq!(loaded.unwrap().state.notes, texts);
    }
    let early = fixture
        .journal
        .load_up_to_version::<Book>("b0", 20)
        .await
        .unwrap();
    assert_eq!(early.state.notes, texts[..20]);
    let mut subscription = fixture.journal.subscribe(Position::START);
    let (mut events, mut cut) = (Vec::new(), false);
    while events.len() < STREAMS * EVENTS {
        let batch = subscription.next(100).await.unwrap();
        let bytes: usize = batch.events.iter().map(|event| event.payload.len()).sum();
        assert!(bytes < 7000, "{bytes}");
        cut |= batch.cut;
        events.extend(batch.events);
    }
    assert!(cut, "it says so");
    assert_orderly(&events);
}
