//! Two processes of the operating system, writing to the same stream.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout};

use opstella_journal::*;

use crate::support::*;

/// Set for the processes that race: the database to write to.
const DATABASE: &str = "OPSTELLA_JOURNAL_TEST_RACE";
const NOTES: usize = 150;

/// Not a test by itself: the other one runs it in two processes. It waits for a line, and then writes its notes to one
/// stream, each until it is stored, and prints what was acknowledged and how often it lost.
#[tokio::test]
async fn the_process_that_races() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let journal = open(&url, JournalOptions::default()).await;
    println!("\nready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let mut lost = 0;
    for n in 0..NOTES {
        let text = format!("{}/{n}", std::process::id());
        while let Err(error) = note(&journal, "b", &[&text]).await {
            assert!(matches!(error, JournalError::Conflict { .. }), "{error}");
            lost += 1;
        }
        println!("ack {text}");
    }
    println!("lost {lost}");
}

struct Racer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Racer {
    fn start(url: &str) -> Self {
        let mut child = process("two_processes::the_process_that_races", DATABASE, url);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut racer = Self { child, lines };
        racer.line("ready");
        racer
    }

    /// The rest of the next line that begins so.
    fn line(&mut self, begins: &str) -> String {
        let mut rest = None;
        while rest.is_none() {
            let line = self.lines.next().expect("it ended early").unwrap();
            rest = line.strip_prefix(begins).map(|rest| rest.trim().to_owned());
        }
        rest.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_that_race_neither_loses_anything() {
    let fixture = fixture().await;
    let url = fixture.url.clone();
    let race = tokio::task::spawn_blocking(move || {
        let mut racers = [Racer::start(&url), Racer::start(&url)];
        for racer in &mut racers {
            racer.child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        }
        let mut acknowledged = BTreeSet::new();
        let mut lost = 0;
        for racer in &mut racers {
            for _ in 0..NOTES {
                assert!(acknowledged.insert(racer.line("ack ")));
            }
            lost += racer.line("lost ").parse::<usize>().unwrap();
            assert!(racer.child.wait().unwrap().success());
        }
        (acknowledged, lost)
    });
    let (acknowledged, lost) = race.await.unwrap();
    assert!(lost > 0, "they never met");
    let stored = notes(&fixture.journal, "b").await;
    assert_eq!(
        stored.len(),
        2 * NOTES,
        "something was stored twice, or not at all"
    );
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), acknowledged);
    assert_orderly(&take(&mut fixture.journal.subscribe(Position::START), 2 * NOTES).await);
}
