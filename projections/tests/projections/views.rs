//! The views for people.

use opstella_domain::promotion::RunEnd;
use sqlx::{AssertSqlSafe, Row};

use crate::delivery::Story;
use crate::steps::undone;
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
        "environment_history",
        "environment_matrix",
        "environments",
        "external_resources",
        "projection_status",
        "promotion_approvals",
        "promotion_gates",
        "promotions",
        "recoveries",
        "release_evidence",
        "release_journey",
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

/// A stage of a journey, or an entry of a history: where and which, its state, whether it left something behind, what is
/// back, whether what it brought runs, and whether something replaced it.
type Stage = (String, String, String, bool, Option<String>, bool, bool);

const STAGE: &str = "environment, release, state, left_behind, back_to, running, replaced_at IS NOT NULL";

#[tokio::test]
async fn journeys_and_histories_are_told_by_sql_as_by_the_queries() {
    let world = world().await;
    let journeys = world.journeys().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let rows = async |sql: String| -> Vec<Stage> {
        sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&world.pool)
            .await
            .unwrap()
    };
    let queries = world.queries();
    let release = queries.release("retail", "shop", "1.0.0").await.unwrap().unwrap();
    let journey = rows(format!(
        "SELECT {STAGE} FROM dashboard.release_journey WHERE project = 'retail' AND service = 'shop' \
         AND release = '1.0.0' ORDER BY requested_at"
    ))
    .await;
    assert!(!journey.is_empty() && journey.len() == release.journey.len());
    for (told, asked) in journey.iter().zip(&release.journey) {
        let (environment, _, state, _, _, running, replaced) = told;
        assert_eq!(
            (environment, state, *running, *replaced),
            (
                &asked.environment,
                &asked.state,
                asked.running,
                asked.replaced_at.is_some()
            )
        );
    }
    let history = rows(format!(
        "SELECT {STAGE} FROM dashboard.environment_history WHERE project = 'retail' AND service = 'shop' \
         ORDER BY promotion_order, finished_at"
    ))
    .await;
    let of = |environment: &str| {
        history
            .iter()
            .filter(|stage| stage.0 == environment)
            .map(|(_, release, state, _, _, running, replaced)| {
                (release.as_str(), state.as_str(), *running, *replaced)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("UAT"),
        [
            ("1.0.0", "rolled-back", false, false),
            ("1.0.0", "completed", true, false)
        ]
    );
    assert_eq!(
        of("PRD"),
        [
            ("1.0.0", "completed", false, true),
            ("1.1.0", "completed", false, true),
            ("1.0.0", "completed", true, false),
            ("1.1.0", "failed", false, false),
        ]
    );
    assert_eq!(of("SIT").len(), 2, "with those that people ended");
    let replaced = "SELECT (extract(epoch FROM replaced_at) * 1000000)::bigint FROM dashboard.environment_history \
                    WHERE environment = 'PRD' AND release = '1.1.0' AND state = 'completed'";
    assert_eq!(
        world.count(replaced).await,
        micros(journeys.at(160)),
        "when the next one was completed"
    );
    let open = "SELECT count(*) FROM dashboard.release_journey WHERE finished_at IS NULL";
    assert_eq!(world.count(open).await, 2, "a journey shows what is on its way");
    running.stop().await;
}

#[tokio::test]
async fn a_history_tells_what_was_left_behind_and_what_is_back() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", undone("Degraded", true), 20).await;
    let end = RunEnd::Undone {
        cause: "Degraded".into(),
        changed: true,
        left_behind: true,
    };
    story.promotes("3", end, 40).await;
    story.told().await;
    for view in ["release_journey", "environment_history"] {
        let sql = format!("SELECT {STAGE} FROM dashboard.{view} ORDER BY finished_at");
        let stages: Vec<Stage> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&story.world.pool)
            .await
            .unwrap();
        let stage = |release: &str, state: &str, left_behind, back_to: Option<&str>, running| {
            let (release, state) = (release.to_owned(), state.to_owned());
            let back_to = back_to.map(str::to_owned);
            (
                "PRD".to_owned(),
                release,
                state,
                left_behind,
                back_to,
                running,
                false,
            )
        };
        let expected = [
            stage("1", "completed", false, None, true),
            stage("2", "rolled-back", false, Some("1"), false),
            stage("3", "failed", true, None, false),
        ];
        assert_eq!(stages, expected, "{view}");
    }
}
