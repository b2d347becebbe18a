//! What the read models say about delivery by week.

use chrono::{TimeDelta, Utc};
use opstella_domain::promotion::RunEnd;
use opstella_projections::queries::DeliveryScope;

use crate::delivery::Story;
use crate::support::*;

#[tokio::test]
async fn delivery_is_reckoned_by_week() {
    let world = world().await;
    let journeys = world.journeys().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let now = journeys.at(60 * 24 * 8);
    let scope = |project: Option<&str>, service: Option<&str>| DeliveryScope {
        project: project.map(Into::into),
        service: service.map(Into::into),
    };
    let weeks = queries.delivery(&scope(None, None), 3, now).await.unwrap();
    assert_eq!(weeks.len(), 3);
    let monday = journeys.base.date_naive();
    assert_eq!(
        (weeks[1].starts_on, weeks[1].week.clone()),
        (monday, monday.format("%G-W%V").to_string())
    );
    for empty in [&weeks[0], &weeks[2]] {
        assert_eq!((empty.attempts, empty.deployments, empty.recoveries), (0, 0, 0));
        assert_eq!(
            (empty.change_failure_rate, empty.lead_time_p50_seconds),
            (None, None)
        );
    }
    let week = &weeks[1];
    // 1.0.0; 1.1.0, which fell ill. What failed before it changed anything is none, and neither is the rollback.
    assert_eq!((week.attempts, week.deployments, week.failures), (2, 2, 1));
    assert!((week.change_failure_rate.unwrap() - 0.5).abs() < 1e-9);
    assert_eq!((week.recoveries, week.recovery_p50_seconds), (1, Some(600.0)));
    let mut leads = Vec::new();
    for (version, done) in [("1.0.0", 120), ("1.1.0", 140)] {
        let release = queries.release("retail", "shop", version).await.unwrap().unwrap();
        let lead = journeys.at(done) - release.release.registered_at;
        leads.push(lead.num_microseconds().unwrap() as f64 / 1e6);
    }
    let median = (leads[0] + leads[1]) / 2.0;
    assert!((week.lead_time_p50_seconds.unwrap() - median).abs() < 1e-3);
    let of_shop = queries
        .delivery(&scope(Some("retail"), Some("shop")), 3, now)
        .await
        .unwrap();
    assert_eq!(of_shop, weeks);
    assert_eq!(
        queries
            .delivery(&scope(Some("retail"), None), 3, now)
            .await
            .unwrap(),
        weeks
    );
    let elsewhere = queries
        .delivery(&scope(Some("other"), None), 3, now)
        .await
        .unwrap();
    assert!(elsewhere.iter().all(|week| week.attempts == 0));
    assert_eq!(
        queries
            .delivery(&scope(None, None), 100_000, now)
            .await
            .unwrap()
            .len(),
        104
    );

    let of_uat = "SELECT count(*) FROM dashboard.recoveries WHERE environment = 'UAT'";
    assert_eq!(
        world.count(of_uat).await,
        2,
        "from a rollback, and from ill health"
    );
    let troubled = "SELECT count(*) FROM dashboard.deployments WHERE troubled AND release = '1.1.0'";
    assert_eq!(world.count(troubled).await, 1);
    let weekly = "SELECT failures FROM dashboard.delivery_weeks WHERE service = 'shop'";
    assert_eq!(world.count(weekly).await, 1);
    running.stop().await;
}

#[tokio::test]
async fn lead_time_begins_with_the_first_commit_that_is_new_in_the_release() {
    let story = Story::of(&[]).await;
    let now = Utc::now();
    let ago = |hours| Some(now - TimeDelta::hours(hours));
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|hex| hex.repeat(40));
    for (version, component, commit, committed_at) in [
        ("1", "api", &a, ago(30)),
        ("1", "web", &b, ago(10)),
        // Another release had it before: it is no change.
        ("2", "api", &a, ago(30)),
        ("2", "web", &c, ago(5)),
        ("3", "api", &d, None),
        ("3", "web", &c, ago(5)),
    ] {
        let commit = (commit.as_str(), committed_at);
        story
            .world
            .register_commit(version, component, "dora", commit)
            .await;
    }
    for (version, minutes) in [("1", 0), ("2", 20), ("3", 40)] {
        story.promotes(version, RunEnd::Succeeded, minutes).await;
    }
    story.told().await;
    let queries = story.world.queries();
    let third = queries.release("retail", "shop", "3").await.unwrap().unwrap();
    assert!(third.images[0].committed_at.is_none());
    assert!((third.images[1].committed_at.unwrap() - ago(5).unwrap()).abs() < TimeDelta::milliseconds(1));
    let expected = [
        story.at(10) - ago(30).unwrap(),
        story.at(30) - ago(5).unwrap(),
        story.at(50) - third.release.registered_at,
    ];
    let sql = "SELECT lead_seconds FROM dashboard.deployments ORDER BY finished_at";
    let leads: Vec<f64> = sqlx::query_scalar(sql)
        .fetch_all(&story.world.pool)
        .await
        .unwrap();
    assert_eq!(leads.len(), 3);
    for view in ["", "_by_project", "_by_platform"] {
        let sql = format!(
            "SELECT attempts, deployments, failures, lead_p50_seconds FROM dashboard.delivery_weeks{view}"
        );
        let weeks: Vec<(i64, i64, i64, f64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .fetch_all(&story.world.pool)
            .await
            .unwrap();
        let mut sorted = leads.clone();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(weeks, [(3, 3, 0, sorted[1])], "{view}");
    }
    for (lead, expected) in leads.iter().zip(expected) {
        let expected = expected.num_milliseconds() as f64 / 1e3;
        assert!((lead - expected).abs() < 0.1, "{lead} and not {expected}");
    }
}
