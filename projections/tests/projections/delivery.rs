//! What the read models say about deployments that failed, and about recovering from them.

use chrono::{DateTime, Datelike, Days, TimeDelta, Utc};
use opstella_domain::Decide;
use opstella_domain::policy::PolicyRules;
use opstella_domain::promotion::{Health, PromotionKind, RunEnd, ServiceEnvironment};
use opstella_projections::queries::{DeliveryScope, DeliveryWeek};

use crate::steps::{SHOP, place, undone};
use crate::support::*;

/// One story in PRD; each deployment takes ten minutes.
pub struct Story {
    pub world: World,
    /// When it was begun: CI's commits are older.
    pub now: DateTime<Utc>,
    /// Noon of a Monday that has not come yet: what happens is in one week.
    pub base: DateTime<Utc>,
}

impl Story {
    pub async fn of(versions: &[&str]) -> Self {
        let world = world().await;
        world.service(SHOP, &["DEV", "SIT", "UAT", "PRE", "PRD"]).await;
        for version in versions {
            world.register(version, "api", "dora").await;
            world.register(version, "web", "dora").await;
        }
        let now = Utc::now();
        let monday = now.date_naive() + Days::new(u64::from(7 - now.weekday().num_days_from_monday()));
        let base = monday.and_hms_nano_opt(12, 0, 0, 123_456_789).unwrap().and_utc();
        Self { world, now, base }
    }

    pub fn at(&self, minutes: i64) -> DateTime<Utc> {
        self.base + TimeDelta::minutes(minutes)
    }

    pub async fn deploys(&self, version: &str, kind: PromotionKind, end: RunEnd, minutes: i64) {
        let none = match kind {
            PromotionKind::Promote => PolicyRules::default(),
            PromotionKind::Rollback => PolicyRules::default().for_rollback(),
        };
        let id = self.world.ask("PRD", version, kind, self.at(minutes)).await;
        let run = self.world.look("PRD", id, none, self.at(minutes)).await;
        self.world.run_ends("PRD", run, end, self.at(minutes + 10)).await;
    }

    pub async fn promotes(&self, version: &str, end: RunEnd, minutes: i64) {
        self.deploys(version, PromotionKind::Promote, end, minutes).await;
    }

    pub async fn goes_back(&self, version: &str, minutes: i64) {
        let kind = PromotionKind::Rollback;
        self.deploys(version, kind, RunEnd::Succeeded, minutes).await;
    }

    pub async fn is(&self, health: Health, minutes: i64) {
        self.world.observe("PRD", "right", health, self.at(minutes)).await;
    }

    /// When the deployments of PRD began.
    pub async fn starts(&self) -> Vec<DateTime<Utc>> {
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
    pub async fn told(&self) -> (DeliveryWeek, Vec<(DateTime<Utc>, DateTime<Utc>)>) {
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
    // An attempt to mend it that is rolled back, and what runs is healthy by itself a little later.
    story.promotes("3", undone("Degraded", true), 90).await;
    story.is(Health::Healthy, 105).await;
    let (week, recoveries) = story.told().await;
    let expected = [(story.at(40), story.at(50)), (story.at(80), story.at(105))];
    assert!(close(&recoveries, &expected), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 2, 2));
}

#[tokio::test]
async fn going_back_to_what_is_still_ill_is_no_recovery() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", RunEnd::Succeeded, 20).await;
    story.is(Health::Degraded, 40).await;
    // Neither the way forward nor the way back works; after each, what runs is as ill as before.
    story.promotes("3", undone("Degraded", true), 50).await;
    let kind = PromotionKind::Rollback;
    story.deploys("1", kind, undone("Degraded", true), 70).await;
    let (week, recoveries) = story.told().await;
    assert!(recoveries.is_empty(), "{recoveries:?}");
    assert_eq!((week.attempts, week.failures, week.recoveries), (3, 2, 0));
    story.is(Health::Healthy, 100).await;
    let (_, recoveries) = story.told().await;
    assert!(
        close(&recoveries, &[(story.at(40), story.at(100))]),
        "{recoveries:?}"
    );
}

#[tokio::test]
async fn what_is_still_ill_after_going_back_recovers_by_the_next_deployment() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.is(Health::Degraded, 20).await;
    story.promotes("2", undone("Degraded", true), 30).await;
    story.promotes("3", RunEnd::Succeeded, 50).await;
    let (week, recoveries) = story.told().await;
    assert!(
        close(&recoveries, &[(story.at(20), story.at(60))]),
        "{recoveries:?}"
    );
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 2, 2));
}

#[tokio::test]
async fn what_was_left_behind_is_not_the_fault_of_what_ran_before() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", RunEnd::Succeeded, 20).await;
    let end = RunEnd::Undone {
        cause: "Degraded".into(),
        changed: true,
        left_behind: true,
    };
    story.promotes("3", end, 40).await;
    story.is(Health::Degraded, 55).await;
    // Not because of 2, which was well until 3 came.
    story.goes_back("1", 60).await;
    let began = story.starts().await[2];
    let (week, recoveries) = story.told().await;
    assert!(close(&recoveries, &[(began, story.at(70))]), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 2, 1));
    let troubled = "SELECT count(*) FROM dashboard.deployments WHERE troubled";
    assert_eq!(story.world.count(troubled).await, 0);
}

#[tokio::test]
async fn a_release_that_came_back_and_is_taken_back_failed_as_well() {
    let story = Story::of(&["1", "2", "3"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", RunEnd::Succeeded, 20).await;
    story.promotes("3", RunEnd::Succeeded, 40).await;
    story.goes_back("2", 60).await;
    story.goes_back("1", 80).await;
    let (week, recoveries) = story.told().await;
    let expected = [(story.at(50), story.at(70)), (story.at(70), story.at(90))];
    assert!(close(&recoveries, &expected), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (3, 3, 2));
    let sql = "SELECT release, kind FROM dashboard.deployments WHERE troubled ORDER BY finished_at";
    let troubled: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&story.world.pool).await.unwrap();
    let of = |release: &str, kind: &str| (release.to_owned(), kind.to_owned());
    assert_eq!(
        troubled,
        [of("2", "promote"), of("3", "promote"), of("2", "rollback")]
    );
}

#[tokio::test]
async fn what_falls_ill_after_going_back_to_it_is_not_counted_anew() {
    let story = Story::of(&["1", "2"]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.promotes("2", RunEnd::Succeeded, 20).await;
    story.goes_back("1", 40).await;
    // It may be what 2 has left: nobody can tell.
    story.is(Health::Degraded, 60).await;
    story.is(Health::Healthy, 65).await;
    let (week, recoveries) = story.told().await;
    let expected = [(story.at(30), story.at(50)), (story.at(60), story.at(65))];
    assert!(close(&recoveries, &expected), "{recoveries:?}");
    assert_eq!((week.attempts, week.deployments, week.failures), (2, 2, 1));
}
