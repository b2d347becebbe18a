//! Pages by key.

use std::collections::BTreeSet;

use opstella_projections::QueryError;
use opstella_projections::queries::*;

use crate::support::*;

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_rows_are_inserted() {
    let world = world().await;
    for n in 0..30 {
        world.project(&format!("m-{n:02}")).await;
    }
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let (mut slugs, mut events) = (Vec::new(), Vec::new());
    let (mut by_slug, mut newest) = (PageRequest::first(7), PageRequest::first(7));
    for n in 0.. {
        let projects = queries.projects(&Reader::Everything, &by_slug).await.unwrap();
        let log = queries
            .audit_events(&AuditFilter::default(), &Reader::Everything, &newest)
            .await
            .unwrap();
        slugs.extend(
            projects
                .items
                .into_iter()
                .map(|p| p.slug)
                .filter(|slug| slug.starts_with("m-")),
        );
        events.extend(log.items.into_iter().map(|e| e.position));
        let (Some(slug), Some(event)) = (projects.next, log.next) else {
            break;
        };
        (by_slug, newest) = (PageRequest::after(7, slug), PageRequest::after(7, event));
        // Before and behind where the pages are.
        world.project(&format!("a-{n}")).await;
        world.project(&format!("z-{n}")).await;
        running.catch_up(&world.journal).await;
    }
    let expected: Vec<_> = (0..30).map(|n| format!("m-{n:02}")).collect();
    assert_eq!(slugs, expected);
    assert_eq!(events.len(), 30);
    assert_eq!(events.iter().collect::<BTreeSet<_>>().len(), 30);
    running.stop().await;
}

#[tokio::test]
async fn limits_are_kept_and_cursors_are_checked() {
    let world = world().await;
    world.everything().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let filter = AuditFilter::default();
    assert_eq!(
        queries
            .audit_events(&filter, &Reader::Everything, &PageRequest::first(100_000))
            .await
            .unwrap()
            .items
            .len(),
        200
    );
    let one = queries
        .audit_events(&filter, &Reader::Everything, &PageRequest::first(0))
        .await
        .unwrap();
    assert_eq!(one.items.len(), 1);
    let cursor = one.next.unwrap();
    let wrong = ["", "x", "%", "WyJhIl0", "bnVsbA", "WyJ4IiwieSJd"];
    for cursor in wrong {
        let refused = queries
            .audit_events(&filter, &Reader::Everything, &PageRequest::after(5, cursor))
            .await;
        assert!(
            matches!(refused, Err(QueryError::Cursor)),
            "{cursor:?}: {refused:?}"
        );
    }
    let other_list = queries
        .projects(&Reader::Everything, &PageRequest::after(5, cursor))
        .await;
    assert!(matches!(other_list, Err(QueryError::Cursor)));

    // All lists end, and hold everything once.
    let mut runs = Vec::new();
    let mut request = PageRequest::first(4);
    loop {
        let page = queries
            .runs(&RunFilter::default(), &Reader::Everything, &request)
            .await
            .unwrap();
        runs.extend(page.items.into_iter().map(|run| run.started_at));
        let Some(next) = page.next else { break };
        request = PageRequest::after(4, next);
    }
    assert_eq!(runs.len(), 9);
    assert!(runs.is_sorted_by(|a, b| a >= b));
    running.stop().await;
}
