use std::time::Instant;

use opstella_journal::{Append, EventMetadata, Journal, JournalError, StreamAppend};

use super::Bench;
use super::aggregate::{Sheet, written};
use crate::BenchError;

/// What a command that makes something does, `CreateProject` for one: takes the aggregate for new, and appends one event.
pub async fn command(journal: &Journal, id: &str) -> Result<(), JournalError> {
    let loaded = journal.load_new::<Sheet>(id);
    let metadata = EventMetadata::new("bench", "Write", "0123456789abcdef");
    journal
        .append(Append::new(
            metadata,
            vec![StreamAppend::of(&loaded, vec![written()])?],
        ))
        .await?;
    Ok(())
}

impl Bench<'_> {
    /// Commands per second through the journal's public API.
    pub async fn ours(&self, clients: usize) -> Result<f64, BenchError> {
        self.settle().await?;
        let started = Instant::now();
        let end = started + self.duration;
        let tasks: Vec<_> = (0..clients)
            .map(|_| {
                let journal = self.journal.clone();
                tokio::spawn(async move {
                    let mut done = 0_u64;
                    while Instant::now() < end {
                        command(&journal, &uuid::Uuid::new_v4().to_string()).await?;
                        done += 1;
                    }
                    Ok::<_, BenchError>(done)
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await??;
        }
        Ok(done as f64 / started.elapsed().as_secs_f64())
    }
}
