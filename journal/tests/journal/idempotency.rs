use chrono::{TimeDelta, Utc};
use opstella_journal::*;
use serde_json::json;

use crate::support::*;

fn claiming(id: &str, text: &str, key: &str, fingerprint: &str) -> Append {
    let stream = StreamAppend::of(&Loaded::<Book>::absent(id), vec![noted(text)]).unwrap();
    let claim = IdempotencyClaim::new("alice", key, fingerprint, json!({"made": text}));
    Append::new(metadata(), vec![stream]).claiming(claim)
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_another_request_is_refused() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    assert_eq!(journal.claimed("alice", "k").await.unwrap(), None);
    let first = journal.append(claiming("b", "one", "k", "f")).await.unwrap();
    let claim = journal.claimed("alice", "k").await.unwrap().unwrap();
    assert_eq!(
        (claim.fingerprint.as_str(), &claim.answer, claim.position),
        ("f", &json!({"made": "one"}), first.position)
    );
    assert_eq!(journal.claimed("bob", "k").await.unwrap(), None);

    // A repeat is decided on the state that the first left; or, here, on the one before it.
    let repeat = journal
        .append(claiming("b", "again", "k", "f"))
        .await
        .unwrap_err();
    assert!(matches!(
        repeat,
        JournalError::IdempotencyReplay { answer, position }
            if answer == json!({"made": "one"}) && position == first.position
    ));
    let other = journal
        .append(claiming("c", "other", "k", "g"))
        .await
        .unwrap_err();
    assert!(matches!(other, JournalError::IdempotencyMismatch { key } if key == "k"));
    assert_eq!(notes(journal, "b").await, ["one"]);
    assert!(notes(journal, "c").await.is_empty());
}

#[tokio::test]
async fn two_processes_racing_with_one_key_do_it_once() {
    let fixture = fixture().await;
    let other = open(&fixture.url, JournalOptions::default()).await;
    for round in 0..20 {
        let key = format!("k{round}");
        let ids: Vec<String> = (0..6).map(|n| format!("b{round}-{n}")).collect();
        // Distinct streams: only the key can tell that these are one request.
        let race = ids.iter().enumerate().map(|(n, id)| {
            let journal = if n % 2 == 0 { &fixture.journal } else { &other };
            journal.append(claiming(id, id, &key, "f"))
        });
        let results = futures::future::join_all(race).await;
        let won: Vec<_> = results.iter().flatten().collect();
        assert_eq!(won.len(), 1, "{results:?}");
        for result in &results {
            if let Err(error) = result {
                assert!(
                    matches!(error, JournalError::IdempotencyReplay { position, .. } if *position == won[0].position),
                    "{error:?}"
                );
            }
        }
    }
    let events = take(&mut other.subscribe(Position::START), 20).await;
    assert_eq!(other.head().await.unwrap(), events[19].position);
}

#[tokio::test]
async fn a_conflict_claims_nothing() {
    let fixture = fixture().await;
    note(&fixture.journal, "b", &["first"]).await.unwrap();
    let error = fixture
        .journal
        .append(claiming("b", "second", "k", "f"))
        .await
        .unwrap_err();
    assert!(matches!(error, JournalError::Conflict { .. }));
    assert_eq!(fixture.journal.claimed("alice", "k").await.unwrap(), None);
}

#[tokio::test]
async fn an_expired_key_is_forgotten_and_can_be_claimed_anew() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    let mut expired = claiming("b", "one", "k", "f");
    if let Some(claim) = &mut expired.idempotency {
        claim.expires_at = Utc::now() - TimeDelta::seconds(1);
    }
    journal.append(expired).await.unwrap();
    assert_eq!(journal.claimed("alice", "k").await.unwrap(), None);
    journal.append(claiming("c", "two", "k", "g")).await.unwrap();
    assert_eq!(
        journal.claimed("alice", "k").await.unwrap().unwrap().fingerprint,
        "g"
    );
    assert_eq!(journal.purge_expired_claims(100).await.unwrap(), 0);
    let mut old = claiming("d", "three", "old", "f");
    if let Some(claim) = &mut old.idempotency {
        claim.expires_at = Utc::now() - TimeDelta::seconds(1);
    }
    journal.append(old).await.unwrap();
    assert_eq!(journal.purge_expired_claims(100).await.unwrap(), 1);
}

#[tokio::test]
async fn a_command_without_events_can_claim_its_key_too() {
    let fixture = fixture().await;
    let claim =
        || Append::new(metadata(), vec![]).claiming(IdempotencyClaim::new("a", "k", "f", json!("done")));
    let first = fixture.journal.append(claim()).await.unwrap();
    assert_eq!(first.position, Position::START);
    assert!(matches!(
        fixture.journal.append(claim()).await,
        Err(JournalError::IdempotencyReplay { answer, .. }) if answer == json!("done")
    ));
}
