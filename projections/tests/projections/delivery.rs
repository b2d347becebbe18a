//! What the read models say about delivery.

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::Decide;
use opstella_domain::policy::PolicyRules;
use opstella_domain::promotion::{Health, PromotionKind, RunEnd, ServiceEnvironment};
use opstella_projections::queries::*;

use crate::steps::{SHOP, place, undone};
use crate::support::*;

/// One story in PRD; each deployment takes ten minutes.
struct Story {
    world: World,
    base: DateTime<Utc>,
}

impl Story {
    async fn of(versions: &[&str]) -> Self {
        let world = world().await;
        world.service(SHOP, &["DEV", "SIT", "UAT", "PRE", "PRD"]).await;
        for version in versions {
            world.register(version, "api", "dora").await;
            world.register(version, "web", "dora").await;
        }
        let base = Utc::now() + TimeDelta::days(1);
        Self { world, base }
    }

    fn at(&self, minutes: i64) -> DateTime<Utc> {
        self.base + TimeDelta::minutes(minutes)
    }

    async fn deploys(&self, version: &str, kind: PromotionKind, end: RunEnd, minutes: i64) {
        let none = match kind {
            PromotionKind::Promote => PolicyRules::default(),
            PromotionKind::Rollback => PolicyRules::default().for_rollback(),
        };
        let id = self.world.ask("PRD", version, kind, self.at(minutes)).await;
        let run = self.world.look("PRD", id, none, self.at(minutes)).await;
        self.world.run_ends("PRD", run, end, self.at(minutes + 10)).await;
    }

    async fn promotes(&self, version: &str, end: RunEnd, minutes: i64) {
        self.deploys(version, PromotionKind::Promote, end, minutes).await;
    }

    async fn goes_back(&self, version: &str, minutes: i64) {
        let kind = PromotionKind::Rollback;
        self.deploys(version, kind, RunEnd::Succeeded, minutes).await;
    }

    async fn is(&self, health: Health, minutes: i64) {
        self.world.observe("PRD", "right", health, self.at(minutes)).await;
    }

    /// When the deployments of PRD began.
    async fn starts(&self) -> Vec<DateTime<Utc>> {
        let history = self
            .world
            .journal
            .history(ServiceEnvironment::TYPE, &place("PRD").to_string(), 1, 100)
            .await
            .unwrap();
        let started = history.iter().filter(|e| e.event_type == "DeploymentStarted");
        started.map(|e| e.recorded_at).collect()
    }

    /// The week's figures, and every recovery, its start and end.
    async fn told(&self) -> (DeliveryWeek, Vec<(DateTime<Utc>, DateTime<Utc>)>) {
        let running = start(self.world.projections());
        running.catch_up(&self.world.journal).await;
        let scope = DeliveryScope::default();
        let queries = self.world.queries();
        let mut weeks = queries.delivery(&scope, 2, self.at(60)).await.unwrap();
        weeks.sort_by_key(|week| week.attempts + week.recoveries);
        let sql = "SELECT down_since, recovered_at FROM dashboard.recoveries ORDER BY recovered_at";
        let recoveries = sqlx::query_as(sql).fetch_all(&self.world.pool).await.unwrap();
        running.stop().await;
        (weeks.pop().unwrap(), recoveries)
    }
}

/// The database keeps microseconds.
fn close(found: &[(DateTime<Utc>, DateTime<Utc>)], expected: &[(DateTime<Utc>, DateTime<Utc>)]) -> bool {
    let near = |a: DateTime<Utc>, b: DateTime<Utc>| (a - b).abs() < TimeDelta::milliseconds(1);
    found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(f, e)| near(f.0, e.0) && near(f.1, e.1))
}

#[tokio::test]
async fn a_deployment_that_is_rolled_back_is_recovered_from_since_it_began() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", undone("Degraded", true), 20).await;
    // Long after: it has nothing to do with the failure.
    story.promotes("3", RunEnd::Succeeded, 400).await;
    let began = story.starts().await[1];
    let (week, recoveries) = story.told().await;
    assert!(close(&recoveries, &[(began, story.at(30))]), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 2, 1));
}

#[tokio::test]
async fn what_never_changed_anything_is_no_failure() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", undone("no such image", false), 20).await;
    story.promotes("3", RunEnd::Succeeded, 40).await;
    let (week, recoveries) = story.told().await;
    assert!(recoveries.is_empty(), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (2, 2, 0));
    assert_eq!(week.change_failure_rate, Some(0.0));
    let unchanged = "SELECT count(*) FROM dashboard.deployments WHERE outcome = 'unchanged'";
    assert_eq!(story.world.count(unchanged).await, 1);
}

#[tokio::test]
async fn what_is_left_behind_is_down_until_the_next_deployment_is_completed() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    let end = RunEnd::Undone {
        cause: "Degraded".into(),
        changed: true,
        left_behind: true,
    };
    story.promotes("2", end, 20).await;
    story.promotes("3", RunEnd::Succeeded, 40).await;
    let began = story.starts().await[1];
    let (week, recoveries) = story.told().await;
    assert!(close(&recoveries, &[(began, story.at(50))]), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 2, 1));
}

#[tokio::test]
async fn a_release_that_is_taken_back_is_recovered_from() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", RunEnd::Succeeded, 20).await;
    // Nothing said that it was ill: somebody saw that it was wrong.
    story.goes_back("1", 60).await;
    story.promotes("3", RunEnd::Succeeded, 100).await;
    story.is(Health::Degraded, 130).await;
    story.goes_back("1", 140).await;
    let (week, recoveries) = story.told().await;
    let expected = [(story.at(30), story.at(70)), (story.at(130), story.at(150))];
    assert!(close(&recoveries, &expected), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 3, 2));
}

#[tokio::test]
async fn one_outage_is_one_recovery() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", RunEnd::Succeeded, 20).await;
    story.is(Health::Degraded, 40).await;
    story.is(Health::Healthy, 50).await;
    // It was ill, was well again, and is taken back all the same.
    story.goes_back("1", 60).await;
    story.is(Health::Degraded, 80).await;
    // An attempt to mend it that is rolled back, after which what runs is healthy.
    story.promotes("3", undone("Degraded", true), 90).await;
    let (week, recoveries) = story.told().await;
    let expected = [(story.at(40), story.at(50)), (story.at(80), story.at(100))];
    assert!(close(&recoveries, &expected), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 2, 2));
}

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
