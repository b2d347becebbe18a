use opstella_journal::*;
use sqlx::{Executor, Row};

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
    let mut connection = pool.acquire().await.unwrap();
    connection
        .execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        .await
        .unwrap();
    let plan = connection
        .fetch_all(
            "EXPLAIN SELECT * FROM events WHERE (transaction_id, position) > ('5'::text::xid8, 7)
             AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY transaction_id, position LIMIT 10",
        )
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(
        plan.contains("Index Scan using events_transaction_id_position"),
        "{plan}"
    );
    assert!(
        plan.contains("Index Cond: ((ROW(transaction_id, \"position\") > "),
        "{plan}"
    );
    assert!(!plan.contains("Sort") && !plan.contains("Filter"), "{plan}");
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
