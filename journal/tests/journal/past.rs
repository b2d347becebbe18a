use crate::support::*;

#[tokio::test]
async fn an_aggregate_is_replayed_as_of_any_instant_and_version() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    for text in ["one", "two", "three"] {
        note(journal, "b", &[text]).await.unwrap();
    }
    let history = journal.history("book", "b", 1, 10).await.unwrap();
    assert_eq!(history.len(), 3);
    for event in &history {
        let then = journal.load_as_of::<Book>("b", event.recorded_at).await.unwrap();
        assert_eq!(then.version, event.sequence);
        assert_eq!(then.state.notes.len() as u64, event.sequence);
        let version = journal
            .load_up_to_version::<Book>("b", event.sequence)
            .await
            .unwrap();
        assert_eq!(version.state, then.state);
    }
    let before = history[0].recorded_at - chrono::TimeDelta::microseconds(1);
    assert_eq!(journal.load_as_of::<Book>("b", before).await.unwrap().version, 0);
    assert_eq!(
        journal.load_up_to_version::<Book>("b", 99).await.unwrap().version,
        3
    );
    assert_eq!(
        journal
            .load_as_of::<Book>("nobody", before)
            .await
            .unwrap()
            .version,
        0
    );
    let page = journal.history("book", "b", 2, 1).await.unwrap();
    assert_eq!(page.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2]);
}
