//! The division into batches leaves no trace.

use opstella_projections::{ProjectionOptions, Projections};

use crate::support::*;

#[tokio::test]
async fn the_same_events_make_the_same_tables_in_batches_of_any_size() {
    let world = world().await;
    world.everything().await;
    let newest = world.newest().await;
    until("nothing is held back", || async {
        world.journal.head().await.unwrap() == newest
    })
    .await;
    let mut first = None;
    for batch in [1, 7, 100_000] {
        let options = ProjectionOptions {
            batch,
            rebuild_batch: batch,
            ..options()
        };
        let projections = Projections::standard(world.journal.clone(), options);
        for name in projections.names() {
            let report = projections.rebuild(name, |_| {}).await.unwrap();
            assert_eq!(
                report.events as i64,
                world.count("SELECT count(*) FROM events").await
            );
        }
        let contents = world.contents().await;
        let first = first.get_or_insert_with(|| contents.clone());
        for (one, other) in first.iter().zip(&contents) {
            same(one, other, &format!("batches of {batch}"));
        }
    }
}
