use std::time::Duration;

use opstella_journal::*;
use sqlx::Executor;

use crate::support::*;

#[tokio::test]
async fn events_can_be_neither_changed_nor_deleted() {
    let fixture = fixture().await;
    note(&fixture.journal, "b", &["one"]).await.unwrap();
    let pool = pool(&fixture.url).await;
    for statement in [
        "UPDATE events SET sequence = 9",
        "DELETE FROM events",
        "TRUNCATE events",
    ] {
        let error = pool.execute(statement).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
    assert_eq!(notes(&fixture.journal, "b").await, ["one"]);
}

#[tokio::test]
async fn migrating_twice_and_at_once_is_harmless() {
    let fixture = fixture().await;
    let pool = pool(&fixture.url).await;
    let (left, right) = tokio::join!(migrate(&pool), migrate(&pool));
    left.unwrap();
    right.unwrap();
}

#[tokio::test]
async fn readers_go_by_the_index_from_where_they_stopped() {
    let fixture = fixture().await;
    let pool = pool(&fixture.url).await;
    pool.execute(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         SELECT 'book', 'b' || n, 1, 'Noted', '1.0', '{}', '{}' FROM generate_series(1, 20000) n",
    )
    .await
    .unwrap();

    let journal = Journal::open(pool.clone(), JournalOptions::default())
        .await
        .unwrap();
    assert_eq!(journal.head().await.unwrap().position, 20_000);
    let mut subscription = journal.subscribe(Position::START);
    assert_eq!(subscription.try_next(10).await.unwrap().events.len(), 10);
    assert_eq!(subscription.try_next(10).await.unwrap().events.len(), 10);
    // Its connections tell the statistics what they read when they end.
    journal.close().await;

    let read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'events'";
    let told = async {
        loop {
            let rows: i64 = sqlx::query_scalar(read).fetch_one(&pool).await.unwrap();
            if rows >= 20 {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let rows = tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    assert!(rows < 500, "{rows} rows were read to find 21");
}

#[tokio::test]
async fn a_table_from_another_cluster_is_refused_with_advice() {
    let fixture = fixture().await;
    let pool = pool(&fixture.url).await;
    pool.execute(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, transaction_id)
         VALUES ('book', 'b', 1, 'Noted', '1.0', '{}', '{}', '9000000000')",
    )
    .await
    .unwrap();
    let error = Journal::open(pool, JournalOptions::default())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(
            error,
            JournalError::TransactionIdsAhead {
                newest: 9_000_000_000,
                ..
            }
        ),
        "{error}"
    );
}
