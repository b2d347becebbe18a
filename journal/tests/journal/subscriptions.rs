use std::time::{Duration, Instant};

use opstella_journal::*;
use sqlx::Executor;

use crate::support::*;

#[tokio::test]
async fn a_subscription_resumes_where_it_stopped() {
    let fixture = fixture().await;
    for n in 0..10 {
        note(&fixture.journal, &format!("b{}", n % 3), &[&n.to_string()])
            .await
            .unwrap();
    }
    let all = take(&mut fixture.journal.subscribe(Position::START), 10).await;
    assert_orderly(&all);
    let mut first = fixture.journal.subscribe(Position::START);
    let batch = first.next(4).await.unwrap();
    assert_eq!((batch.events.len(), batch.position), (4, all[3].position));
    assert_eq!(first.position(), batch.position);
    let resumed: Position = batch.position.to_string().parse().unwrap();
    let rest = take(&mut fixture.journal.subscribe(resumed), 6).await;
    assert_eq!(rest, all[4..]);
    let nothing = fixture
        .journal
        .subscribe(all[9].position)
        .try_next(10)
        .await
        .unwrap();
    assert_eq!(
        nothing,
        Batch {
            events: vec![],
            position: all[9].position,
            cut: false,
        }
    );
}

#[tokio::test]
async fn another_process_is_woken_long_before_it_would_look() {
    let options = || JournalOptions {
        poll_interval: Duration::from_secs(600),
        ..JournalOptions::default()
    };
    let fixture = fixture_with(options()).await;
    let other = open(&fixture.url, options()).await;
    let mut follower = other.subscribe(Position::START);
    for n in 0..5 {
        let (_, event) = tokio::join!(note(&fixture.journal, "b", &["x"]), take(&mut follower, 1));
        assert_eq!(event[0].sequence, n + 1);
    }
}

#[tokio::test]
async fn without_notifications_it_looks_by_itself() {
    let options = JournalOptions {
        poll_interval: Duration::from_millis(50),
        ..JournalOptions::default()
    };
    let fixture = fixture_with(options).await;
    let pool = pool(&fixture.url).await;
    let mut follower = fixture.journal.subscribe(Position::START);
    let silent = async {
        pool.execute("INSERT INTO events VALUES ('book', 'b', 1, 'Cleared', '1.0', '\"Cleared\"', '{}')")
            .await
            .unwrap();
    };
    let (events, ()) = tokio::join!(take(&mut follower, 1), silent);
    assert_eq!(events[0].event_type, "Cleared");
}

#[tokio::test]
async fn it_ends_when_the_journal_is_closed() {
    let fixture = fixture().await;
    let mut follower = fixture.journal.subscribe(Position::START);
    let waiting = tokio::spawn(async move { follower.next(1).await });
    tokio::task::yield_now().await;
    let started = Instant::now();
    fixture.journal.close().await;
    let ended = tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .unwrap()
        .unwrap();
    assert!(ended.is_err());
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn those_who_follow_at_the_head_share_its_reads() {
    const FOLLOWERS: usize = 20;
    const EVENTS: usize = 50;
    let fixture = fixture().await;
    let pool = pool(&fixture.url).await;
    let journal = open(&fixture.url, JournalOptions::default()).await;
    let scans = "SELECT coalesce(sum(idx_scan), 0)::bigint FROM pg_stat_user_indexes
                 WHERE indexrelname = 'events_transaction_id_position'";
    let mut followers: Vec<_> = (0..FOLLOWERS)
        .map(|_| journal.subscribe(Position::START))
        .collect();
    for n in 0..EVENTS {
        note(&journal, "b", &[&n.to_string()]).await.unwrap();
        let all = followers.iter_mut().map(|follower| take(follower, 1));
        for events in futures::future::join_all(all).await {
            assert_eq!(events[0].sequence, n as u64 + 1);
        }
    }
    // Its connections tell the statistics what they read when they end.
    journal.close().await;
    fixture.journal.close().await;
    let told = async {
        loop {
            let scans: i64 = sqlx::query_scalar(scans).fetch_one(&pool).await.unwrap();
            if scans >= EVENTS as i64 {
                return scans;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let scans = tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    let apart = (FOLLOWERS * EVENTS) as i64;
    assert!(scans < apart / 2, "{scans} reads, and {apart} if each read alone");
}
