use std::sync::Arc;
use std::time::Instant;

use postgres_es::{default_postgress_pool, postgres_cqrs};

use super::Bench;
use super::aggregate::{Sheet, Write};
use crate::BenchError;

impl Bench<'_> {
    /// Commands per second through cqrs-es on stock postgres-es, with the pool that it makes by default.
    pub async fn stock(&self, clients: usize) -> Result<f64, BenchError> {
        self.settle().await?;
        let cqrs = Arc::new(postgres_cqrs::<Sheet>(
            default_postgress_pool(&self.stock_url).await,
            vec![],
            (),
        ));
        let started = Instant::now();
        let end = started + self.duration;
        let tasks: Vec<_> = (0..clients)
            .map(|_| {
                let cqrs = Arc::clone(&cqrs);
                tokio::spawn(async move {
                    let mut done = 0_u64;
                    while Instant::now() < end {
                        let id = uuid::Uuid::new_v4().to_string();
                        cqrs.execute(&id, Write).await.map_err(|error| BenchError::Peer {
                            peer: "postgres-es",
                            reason: error.to_string(),
                        })?;
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
