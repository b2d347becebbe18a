//! The views for people.

use sqlx::{AssertSqlSafe, Row};

use crate::support::*;

#[tokio::test]
async fn every_view_answers_and_every_column_is_explained() {
    let world = world().await;
    world.everything().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let found = sqlx::query(
        "SELECT c.relname::text, obj_description(c.oid) FROM pg_class c \
         WHERE c.relnamespace = 'dashboard'::regnamespace ORDER BY 1",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    let names: Vec<String> = found.iter().map(|row| row.get(0)).collect();
    let expected = [
        "approvals_waiting",
        "audit_log",
        "delivered_changes",
        "delivery_weeks",
        "delivery_weeks_by_platform",
        "delivery_weeks_by_project",
        "deployments",
        "environment_matrix",
        "environments",
        "external_resources",
        "projection_status",
        "promotion_approvals",
        "promotion_gates",
        "promotions",
        "recoveries",
        "release_evidence",
        "releases",
        "run_steps",
        "runs",
        "services",
        "subscriptions",
        "waivers",
    ];
    assert_eq!(names, expected);
    for row in &found {
        let name: String = row.get(0);
        assert!(row.get::<Option<String>, _>(1).is_some(), "{name} has no comment");
        let sql = format!("SELECT to_jsonb(v) FROM dashboard.{name} v");
        assert!(
            !sqlx::query(AssertSqlSafe(sql))
                .fetch_all(&world.pool)
                .await
                .unwrap()
                .is_empty(),
            "{name} is empty"
        );
    }
    let silent = "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
                  WHERE c.relnamespace = 'dashboard'::regnamespace AND a.attnum > 0 \
                    AND col_description(c.oid, a.attnum) IS NULL";
    assert_eq!(world.count(silent).await, 0);
    let active =
        "SELECT components FROM dashboard.services WHERE service = 'checkout' AND lifecycle = 'active'";
    assert_eq!(world.count(active).await, 3);
    let done = "SELECT count(*) FROM dashboard.runs WHERE status = 'succeeded' AND steps = steps_done";
    assert_eq!(world.count(done).await, 4);
    running.stop().await;
}
