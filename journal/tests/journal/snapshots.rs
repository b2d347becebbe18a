use std::time::{Duration, Instant};

use opstella_journal::*;
use sqlx::{Executor, PgPool};

use crate::support::*;

fn options(tag: &str) -> JournalOptions {
    JournalOptions {
        snapshot_every: Some(10),
        snapshot_tag: tag.to_owned(),
        ..JournalOptions::default()
    }
}

async fn snapshot(pool: &PgPool) -> Option<(i64, String)> {
    sqlx::query_as("SELECT last_sequence, made_by FROM snapshots WHERE aggregate_id = 'b'")
        .fetch_optional(pool)
        .await
        .unwrap()
}

async fn wait_for_snapshot(pool: &PgPool, version: i64, tag: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while snapshot(pool).await != Some((version, tag.to_owned())) {
        assert!(
            Instant::now() < deadline,
            "no snapshot: {:?}",
            snapshot(pool).await
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn long_streams_are_loaded_from_a_snapshot_of_the_same_code() {
    let fixture = fixture_with(options("v1")).await;
    let pool = pool(&fixture.url).await;
    let mut expected = Vec::new();
    for n in 0..25 {
        let text = n.to_string();
        note(&fixture.journal, "b", &[&text]).await.unwrap();
        expected.push(text);
    }
    wait_for_snapshot(&pool, 20, "v1").await;

    // Make the snapshot recognisable: it is really used.
    pool.execute("UPDATE snapshots SET payload = '{\"notes\":[\"from the snapshot\"]}'")
        .await
        .unwrap();
    let loaded = fixture.journal.load_fresh::<Book>("b").await.unwrap();
    assert_eq!(
        (
            loaded.version,
            loaded.state.notes[0].as_str(),
            loaded.state.notes.len()
        ),
        (25, "from the snapshot", 6)
    );

    // Code with another tag does not trust it, and neither does code that cannot read it.
    let newer = open(&fixture.url, options("v2")).await;
    assert_eq!(notes(&newer, "b").await, expected);
    pool.execute("UPDATE snapshots SET payload = '{\"other\":1}'")
        .await
        .unwrap();
    assert_eq!(notes(&fixture.journal, "b").await, expected);

    // The newer code replaces it.
    for n in 25..30 {
        note(&newer, "b", &[&n.to_string()]).await.unwrap();
    }
    wait_for_snapshot(&pool, 30, "v2").await;
    assert_eq!(notes(&newer, "b").await.len(), 30);
}

#[tokio::test]
async fn a_stream_longer_than_a_page_is_loaded_whole() {
    let fixture = fixture_with(JournalOptions {
        snapshot_every: None,
        ..JournalOptions::default()
    })
    .await;
    for start in [0, 900, 1800] {
        let texts: Vec<String> = (start..start + 900).map(|n| n.to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        note(&fixture.journal, "b", &texts).await.unwrap();
    }
    let loaded = fixture.journal.load_fresh::<Book>("b").await.unwrap();
    assert_eq!(loaded.version, 2700);
    assert!(
        loaded
            .state
            .notes
            .iter()
            .enumerate()
            .all(|(n, text)| *text == n.to_string())
    );
}
