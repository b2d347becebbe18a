use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};

use opstella_devservers::postgres::{Postgres, PostgresOptions};
use opstella_journal::*;

use crate::support::*;

/// Set for the process that is to be killed: the database to write to.
const DATABASE: &str = "OPSTELLA_JOURNAL_TEST_CRASH";
const WRITERS: usize = 16;

/// Not a test by itself: the other one runs it in a process of its own and kills that. It writes without end, and
/// prints what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let journal = open(&url, JournalOptions::default()).await;
    let run = std::process::id();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let text = format!("{run}/{writer}/{n}");
                    note(&journal, &format!("b{writer}"), &[&text]).await.unwrap();
                    let line = format!("ack {writer} {text}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn killing_our_process_under_load_loses_and_doubles_nothing() {
    let server = Postgres::start(PostgresOptions::durable()).await.unwrap();
    let url = server.create_database("journal").await.unwrap();
    migrate(&pool(&url).await).await.unwrap();
    let mut acknowledged: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..3 {
        let url = url.clone();
        let round = tokio::task::spawn_blocking(move || run_and_kill(&url))
            .await
            .unwrap();
        for (writer, texts) in round {
            acknowledged.entry(writer).or_default().extend(texts);
        }
    }
    let journal = open(&url, JournalOptions::default()).await;
    let mut stored = 0;
    for writer in 0..WRITERS {
        let found = notes(&journal, &format!("b{writer}")).await;
        let there: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(there.len(), found.len(), "something was stored twice");
        let told = acknowledged.remove(&writer).unwrap_or_default();
        assert!(told.is_subset(&there), "lost: {:?}", told.difference(&there));
        stored += found.len();
    }
    let events = take(&mut journal.subscribe(Position::START), stored).await;
    assert_orderly(&events);
}

fn run_and_kill(url: &str) -> BTreeMap<usize, BTreeSet<String>> {
    let mut child = process("crash_process::the_process_that_is_killed", DATABASE, url);
    let mut acknowledged: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        let line = String::from_utf8(line.unwrap()).unwrap();
        // The last line may be cut off: an acknowledgement that nobody read.
        let Some((writer, text)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        acknowledged
            .entry(writer.parse().unwrap())
            .or_default()
            .insert(text.to_owned());
        count += 1;
        if count == 400 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= 400, "it ended by itself after {count} appends");
    acknowledged
}
