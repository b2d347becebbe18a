use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opstella_devservers::postgres::{Postgres, PostgresOptions};
use opstella_journal::*;
use sqlx::Executor;

use crate::support::*;

const WRITERS: usize = 64;
const STREAMS: usize = 8;
const EACH: usize = 12;

/// A server of its own: transactions held open delay the readers of the whole cluster.
async fn server() -> (Postgres, String) {
    let server = Postgres::start(PostgresOptions::throwaway()).await.unwrap();
    let url = server.create_database("journal").await.unwrap();
    migrate(&pool(&url).await).await.unwrap();
    (server, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_while_64_writers_write_and_transactions_stay_open() {
    let (_server, url) = server().await;
    let journals = [
        open(&url, JournalOptions::default()).await,
        open(&url, JournalOptions::default()).await,
    ];
    let total = WRITERS * EACH;

    // Transactions that took an id (and some that took a position too) and end late, or are rolled back.
    let done = Arc::new(AtomicBool::new(false));
    let mut stray = Vec::new();
    let mut strays_committed = Vec::new();
    for n in 0..4 {
        let (pool, done) = (pool(&url).await, Arc::clone(&done));
        let (committed, seen) = tokio::sync::watch::channel(0_usize);
        strays_committed.push(seen);
        stray.push(tokio::spawn(async move {
            let mut round = 0_usize;
            while !done.load(Ordering::Relaxed) {
                let mut transaction = pool.begin().await.unwrap();
                let statement = format!(
                    "INSERT INTO events VALUES ('stray', '{n}', {}, 'Held', '1.0', '{{}}', '{{}}')",
                    committed.borrow().wrapping_add(1)
                );
                transaction.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
                transaction.execute("SELECT pg_sleep(0.03)").await.unwrap();
                if round.is_multiple_of(3) {
                    transaction.rollback().await.unwrap();
                } else {
                    transaction.commit().await.unwrap();
                    committed.send_modify(|count| *count += 1);
                }
                round += 1;
            }
            *committed.borrow()
        }));
    }

    let readers: Vec<_> = journals
        .iter()
        .cycle()
        .take(4)
        .enumerate()
        .map(|(n, journal)| {
            let mut subscription = journal.subscribe(Position::START);
            tokio::spawn(async move {
                let mut events = Vec::new();
                let mut ours = 0;
                while ours < total {
                    let batch = subscription.next(1 + n * 37).await.unwrap();
                    ours += batch
                        .events
                        .iter()
                        .filter(|event| event.aggregate_type == "book")
                        .count();
                    events.extend(batch.events);
                }
                (events, subscription)
            })
        })
        .collect();

    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let journal = journals[writer % 2].clone();
            tokio::spawn(async move {
                let id = format!("b{}", writer % STREAMS);
                for n in 0..EACH {
                    let text = format!("{writer}/{n}");
                    loop {
                        match note(&journal, &id, &[&text]).await {
                            Ok(_) => break,
                            Err(JournalError::Conflict { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut followed = Vec::new();
    for reader in readers {
        followed.push(reader.await.unwrap());
    }
    done.store(true, Ordering::Relaxed);
    let mut strays = 0;
    for task in stray {
        strays += task.await.unwrap();
    }

    for (mut events, mut subscription) in followed {
        events.extend(take(&mut subscription, total + strays - events.len()).await);
        assert!(subscription.try_next(10).await.unwrap().events.is_empty());
        assert_orderly(&events);
        assert_eq!(events.len(), total + strays);
        let mut texts: Vec<String> = events
            .iter()
            .filter(|event| event.aggregate_type == "book")
            .map(|event| event.payload.clone())
            .collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), total, "an append is there twice");
    }
}

#[tokio::test]
async fn what_an_open_transaction_holds_back_comes_when_it_ends_and_in_order() {
    let (_server, url) = server().await;
    let journal = open(&url, JournalOptions::default()).await;
    let other = pool(&url).await;
    let mut open = other.begin().await.unwrap();
    open.execute("INSERT INTO events VALUES ('stray', 's', 1, 'Held', '1.0', '{}', '{}')")
        .await
        .unwrap();
    let appended = note(&journal, "b", &["later"]).await.unwrap();
    let mut follower = journal.subscribe(Position::START);
    assert!(
        follower.try_next(10).await.unwrap().events.is_empty(),
        "read past an open transaction"
    );
    assert!(journal.head().await.unwrap() < appended.position);
    let (events, ()) = tokio::join!(take(&mut follower, 2), async { open.commit().await.unwrap() });
    assert_eq!(events[0].aggregate_type, "stray");
    assert_eq!(events[1].position, appended.position);
}
