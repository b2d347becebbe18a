//! What the read models say about delivery.

use opstella_projections::queries::*;

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
    // 1.0.0; 1.1.0, which fell ill; 1.1.0, which failed. The rollback is no deployment.
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 2, 2));
    assert!((week.change_failure_rate.unwrap() - 2.0 / 3.0).abs() < 1e-9);
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
    assert_eq!(world.count(weekly).await, 2);
    running.stop().await;
}
