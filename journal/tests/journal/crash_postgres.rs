use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opstella_devservers::postgres::{Postgres, PostgresOptions};
use opstella_journal::*;

use crate::support::*;

const WRITERS: usize = 16;

/// What a writer was told about each of its notes.
#[derive(Default)]
struct Told {
    stored: BTreeSet<String>,
    not_stored: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

async fn write_until(
    journal: Journal,
    writer: usize,
    done: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
) -> Told {
    let mut told = Told::default();
    let id = format!("b{writer}");
    let mut n = 0;
    while !done.load(Ordering::Relaxed) {
        let text = format!("{writer}/{n}");
        n += 1;
        match note(&journal, &id, &[&text]).await {
            Ok(_) => {
                told.stored.insert(text);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err(JournalError::OutcomeUnknown) => {
                told.unknown.insert(text);
            }
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                // Nobody else writes here: a conflict would mean that our own append was counted against us.
                assert!(
                    !matches!(error, JournalError::Conflict { .. }) || !told.unknown.is_empty(),
                    "{error:?}"
                );
                told.not_stored.insert(text);
            }
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgresql_under_load_loses_and_doubles_nothing() {
    let mut server = Postgres::start(PostgresOptions::durable()).await.unwrap();
    let url = server.create_database("journal").await.unwrap();
    migrate(&pool(&url).await).await.unwrap();
    let options = JournalOptions {
        append_timeout: Duration::from_secs(30),
        ..JournalOptions::default()
    };
    let journal = open(&url, options).await;

    let done = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let follower = {
        let (mut subscription, done) = (journal.subscribe(Position::START), Arc::clone(&done));
        tokio::spawn(async move {
            let mut events = Vec::new();
            while !done.load(Ordering::Relaxed) {
                if let Ok(batch) =
                    tokio::time::timeout(Duration::from_millis(100), subscription.next(500)).await
                {
                    events.extend(batch.unwrap().events);
                }
            }
            (events, subscription)
        })
    };
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(write_until(
                journal.clone(),
                writer,
                Arc::clone(&done),
                Arc::clone(&acknowledged),
            ))
        })
        .collect();

    for _ in 0..4 {
        let enough = acknowledged.load(Ordering::Relaxed) + 300;
        let deadline = Instant::now() + Duration::from_secs(60);
        while acknowledged.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < deadline, "the journal did not come back");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill().await.unwrap();
        server.restart().await.unwrap();
    }
    done.store(true, Ordering::Relaxed);

    let mut stored = BTreeSet::new();
    for (writer, task) in writers.into_iter().enumerate() {
        let told = task.await.unwrap();
        let found = notes(&journal, &format!("b{writer}")).await;
        let there: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(there.len(), found.len(), "something was stored twice");
        assert!(
            told.stored.is_subset(&there),
            "lost: {:?}",
            told.stored.difference(&there)
        );
        assert!(told.not_stored.is_disjoint(&there), "told not stored, but it is");
        assert!(
            there
                .iter()
                .all(|text| told.stored.contains(text) || told.unknown.contains(text))
        );
        stored.extend(there);
    }
    let (mut events, mut subscription) = follower.await.unwrap();
    events.extend(take(&mut subscription, stored.len() - events.len()).await);
    assert_orderly(&events);
    assert_eq!(events.len(), stored.len());
}
