//! Servers that answer, but not as they should.

use std::time::{Duration, Instant};

use opstella_journal::*;
use sqlx::{Executor, Row};

use crate::support::*;

fn absent(id: &str) -> Append {
    let stream = StreamAppend::of(&Loaded::<Book>::absent(id), vec![noted("x")]).unwrap();
    Append::new(metadata(), vec![stream])
}

#[tokio::test]
async fn a_read_only_server_is_not_run_down_with_connections() {
    let fixture = fixture_with(JournalOptions {
        append_timeout: Duration::from_secs(2),
        ..JournalOptions::default()
    })
    .await;
    let pool = pool(&fixture.url).await;
    let mut admin = pool.acquire().await.unwrap();
    let read_only = |on: bool| {
        format!(
            "SET default_transaction_read_only = off; DO $$ BEGIN \
             EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {on}', current_database()); END $$"
        )
    };
    admin.execute(sqlx::AssertSqlSafe(read_only(true))).await.unwrap();
    // As a demotion would.
    let gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'opstella-journal'";
    admin.execute(gone).await.unwrap();
    let sessions = async || -> i64 {
        let sql = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()";
        pool.fetch_one(sql).await.unwrap().get(0)
    };
    let before = sessions().await;
    fixture.journal.append(absent("a")).await.unwrap_err();
    admin
        .execute(sqlx::AssertSqlSafe(read_only(false)))
        .await
        .unwrap();
    let made = sessions().await - before;
    assert!(made < 20, "{made} connections in two seconds");
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = fixture.journal.append(absent("b")).await {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[tokio::test]
async fn closing_does_not_wait_for_a_snapshot_that_hangs() {
    let fixture = fixture_with(JournalOptions {
        snapshot_every: Some(1),
        read_timeout: Duration::from_millis(300),
        ..JournalOptions::default()
    })
    .await;
    let pool = pool(&fixture.url).await;
    let mut held = pool.begin().await.unwrap();
    held.execute("LOCK TABLE snapshots IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    for n in 0..50 {
        fixture.journal.append(absent(&n.to_string())).await.unwrap();
    }
    tokio::time::timeout(Duration::from_secs(10), fixture.journal.close())
        .await
        .expect("closed in time");
    held.rollback().await.unwrap();
}

/// That it does so cannot be seen in a test: the host of a test's connection is always there to answer.
#[tokio::test]
async fn postgresql_looks_after_hosts_that_vanish() {
    let fixture = fixture().await;
    let options = fixture.url.parse().unwrap();
    let pool = sqlx::PgPool::connect_with(mortal(options)).await.unwrap();
    let asked = "SELECT current_setting('tcp_keepalives_idle') || ' ' || current_setting('tcp_keepalives_interval') \
                 || ' ' || current_setting('tcp_keepalives_count') || ' ' || current_setting('tcp_user_timeout') \
                 || ' ' || current_setting('idle_in_transaction_session_timeout')";
    let set: String = pool.fetch_one(asked).await.unwrap().get(0);
    assert_eq!(set, "10 5 3 30000 1min");
}
