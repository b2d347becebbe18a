//! Read-your-writes.

use std::time::Duration;

use opstella_journal::Position;
use opstella_projections::ProjectionError;
use opstella_projections::queries::{PageRequest, Reader};

use crate::support::*;

#[tokio::test]
async fn what_was_written_is_read_after_waiting_for_it() {
    let world = world().await;
    let running = start(world.projections());
    let elsewhere = world.projections();
    for n in 1..=20 {
        let position = world.project(&format!("p-{n}")).await;
        // In turn where the runner is, and as another process would.
        let who = if n % 2 == 0 {
            &running.projections
        } else {
            &elsewhere
        };
        who.wait_for(&["catalog"], position, PATIENCE).await.unwrap();
        let page = world
            .queries()
            .projects(&Reader::Everything, &PageRequest::default())
            .await
            .unwrap();
        assert_eq!(page.items.len(), n);
    }
    running.stop().await;
}

#[tokio::test]
async fn waiting_ends_in_time_where_no_connection_is_to_be_had() {
    let world = world().await;
    let projections = world.projections();
    projections.prepare().await.unwrap();
    let position = world.project("one").await;
    let mut taken = Vec::new();
    while let Ok(connection) = tokio::time::timeout(Duration::from_millis(200), world.pool.acquire()).await {
        taken.push(connection.unwrap());
    }
    let waited = projections.wait_for(&[], position, Duration::from_millis(100));
    let waited = tokio::time::timeout(Duration::from_secs(5), waited).await;
    assert!(
        matches!(waited, Ok(Err(ProjectionError::TimedOut { .. }))),
        "{waited:?}"
    );
}

#[tokio::test]
async fn waiting_ends_in_time_and_names_are_checked() {
    let world = world().await;
    let projections = world.projections();
    projections.prepare().await.unwrap();
    let position = world.project("one").await;
    let waited = projections
        .wait_for(&[], position, Duration::from_millis(50))
        .await;
    assert!(
        matches!(
            waited,
            Err(ProjectionError::TimedOut {
                at: Position::START,
                ..
            })
        ),
        "{waited:?}"
    );
    let unknown = projections.wait_for(&["nothing"], position, PATIENCE).await;
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("catalog, runs, resources, releases")
    );
    projections
        .wait_for(&[], Position::START, Duration::ZERO)
        .await
        .unwrap();
    let status = projections.status().await.unwrap();
    assert!(
        status
            .iter()
            .all(|s| s.head == position && s.lag_events == 1 && s.position == Position::START)
    );
}
