//! What is shown of subscriptions.

use opstella_projections::queries::PageRequest;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn subscriptions_are_shown_by_project_and_as_they_are_now() {
    let world = world().await;
    world.subscriptions().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let (queries, page) = (world.queries(), PageRequest::default());
    let platform = queries.subscriptions(None, &page).await.unwrap().items;
    assert_eq!(platform.len(), 1);
    assert_eq!((platform[0].name.as_str(), platform[0].enabled), ("chat", false));
    // PostgreSQL's text cannot hold U+0000.
    assert_eq!(platform[0].disabled_reason.as_deref(), Some("moving\u{fffd}"));
    let first = queries
        .subscriptions(Some("payments"), &PageRequest::first(1))
        .await
        .unwrap();
    let next = PageRequest::after(1, first.next.unwrap());
    let second = queries.subscriptions(Some("payments"), &next).await.unwrap();
    assert_eq!(second.next, None);
    let names = [first.items[0].name.as_str(), second.items[0].name.as_str()];
    assert_eq!(names, ["back", "chat"]);
    assert_eq!((first.items[0].version, second.items[0].version), (3, 2));
    assert_eq!(first.items[0].events, ["*"]);
    assert!(queries.subscription("payments/gone").await.unwrap().is_none());
    let one = queries.subscription("payments/chat").await.unwrap().unwrap();
    assert_eq!(one, second.items[0]);

    // Deliveries are the notifier's.
    for (position, state) in [(1, "dead"), (2, "waiting"), (3, "dead")] {
        let sql = "WITH s AS (INSERT INTO notification_subscriptions (subscription) VALUES ('payments/chat')
                       ON CONFLICT DO NOTHING)
                   SELECT 1";
        sqlx::query(sql).execute(&world.pool).await.unwrap();
        sqlx::query(
            "INSERT INTO notification_deliveries (subscription, transaction_id, position, event_type, subject, state)
             VALUES ('payments/chat', 7, $1, 'opstella.Run.RunStuck', 'x', $2)",
        )
        .bind(i64::from(position))
        .bind(state)
        .execute(&world.pool)
        .await
        .unwrap();
    }
    let one = queries.subscription("payments/chat").await.unwrap().unwrap();
    assert_eq!((one.waiting, one.dead), (1, 2));
    let ids = |page: &opstella_projections::queries::Page<opstella_projections::queries::Delivery>| {
        json!(page.items.iter().map(|d| d.id.clone()).collect::<Vec<_>>())
    };
    let all = queries.deliveries("payments/chat", None, &page).await.unwrap();
    assert_eq!(ids(&all), json!(["7-3", "7-2", "7-1"]));
    assert!(all.items[0].next_attempt_at.is_none() && all.items[1].next_attempt_at.is_some());
    let page = PageRequest::first(1);
    let first = queries
        .deliveries("payments/chat", Some("dead"), &page)
        .await
        .unwrap();
    let next = PageRequest::after(1, first.next.clone().unwrap());
    let second = queries
        .deliveries("payments/chat", Some("dead"), &next)
        .await
        .unwrap();
    assert_eq!((ids(&first), ids(&second)), (json!(["7-3"]), json!(["7-1"])));
    running.stop().await;
}
