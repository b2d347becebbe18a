use std::time::Duration;

use opstella_journal::*;
use sqlx::Executor;

use crate::support::*;

#[tokio::test]
async fn of_two_processes_one_wins_and_the_other_heals() {
    let fixture = fixture().await;
    let other = open(&fixture.url, JournalOptions::default()).await;
    let journals = [&fixture.journal, &other];
    note(journals[0], "b", &["start"]).await.unwrap();
    for round in 0..30 {
        // Both know it at the same version, as two processes do that heard of the same page.
        let loaded = (
            journals[0].load_fresh::<Book>("b").await.unwrap(),
            journals[1].load_fresh::<Book>("b").await.unwrap(),
        );
        let append = |loaded: &Loaded<Book>, text| {
            Append::new(
                metadata(),
                vec![StreamAppend::of(loaded, vec![noted(text)]).unwrap()],
            )
        };
        let (left, right) = tokio::join!(
            journals[0].append(append(&loaded.0, "left")),
            journals[1].append(append(&loaded.1, "right"))
        );
        let won = [&left, &right].iter().filter(|result| result.is_ok()).count();
        assert_eq!(won, 1, "round {round}: {left:?} {right:?}");
        let lost = left.err().or(right.err()).unwrap();
        assert!(matches!(lost, JournalError::Conflict { .. }), "{lost}");
    }
    let history = fixture.journal.history("book", "b", 1, 1000).await.unwrap();
    assert_orderly(&history);
    for journal in journals {
        let mut attempts = 0;
        while let Err(error) = note(journal, "b", &["end"]).await {
            assert!(
                matches!(error, JournalError::Conflict { .. }) && attempts < 1,
                "{error}"
            );
            attempts += 1;
        }
        let warm = journal.load::<Book>("b").await.unwrap();
        assert_eq!(warm.state, journal.load_fresh::<Book>("b").await.unwrap().state);
    }
}

#[tokio::test]
async fn a_conflict_in_a_batch_fails_its_own_append_only() {
    let fixture = fixture().await;
    let journal = &fixture.journal;
    for n in (0..100).step_by(10) {
        note(journal, &format!("b{n}"), &["taken"]).await.unwrap();
    }
    let appends = (0..100).map(|n| {
        let stream = StreamAppend::of(&Loaded::<Book>::absent(format!("b{n}")), vec![noted("new")]).unwrap();
        journal.append(Append::new(metadata(), vec![stream]))
    });
    let results = futures::future::join_all(appends).await;
    for (n, result) in results.iter().enumerate() {
        if n % 10 == 0 {
            assert!(
                matches!(result, Err(JournalError::Conflict { .. })),
                "{n}: {result:?}"
            );
        } else {
            assert!(result.is_ok(), "{n}: {result:?}");
        }
    }
    assert_orderly(&take(&mut journal.subscribe(Position::START), 100).await);
}

#[tokio::test]
async fn of_many_appends_to_one_version_one_wins() {
    let fixture = fixture().await;
    let appends = (0..50).map(|n| {
        let stream = StreamAppend::of(&Loaded::<Book>::absent("b"), vec![noted(n.to_string())]).unwrap();
        fixture.journal.append(Append::new(metadata(), vec![stream]))
    });
    let results = futures::future::join_all(appends).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(notes(&fixture.journal, "b").await.len(), 1);
}

#[tokio::test]
async fn somebody_elses_open_transaction_delays_only_its_own_stream() {
    let options = JournalOptions {
        append_timeout: Duration::from_secs(3),
        ..JournalOptions::default()
    };
    let fixture = fixture_with(options).await;
    let pool = pool(&fixture.url).await;
    let mut foreign = pool.begin().await.unwrap();
    foreign
        .execute("INSERT INTO events VALUES ('book', 'held', 1, 'Noted', '1.0', '{\"Noted\":{\"text\":\"f\"}}', '{}')")
        .await
        .unwrap();
    let (held, free) = tokio::join!(
        note(&fixture.journal, "held", &["ours"]),
        note(&fixture.journal, "free", &["ours"])
    );
    assert!(free.is_ok(), "{free:?}");
    assert!(matches!(held, Err(JournalError::Timeout)), "{held:?}");
    foreign.commit().await.unwrap();
    assert_eq!(notes(&fixture.journal, "held").await, ["f"]);
    note(&fixture.journal, "held", &["then"]).await.unwrap();
}
