//! What the read models say about delivery by week, and about the changes that were delivered.

use chrono::{DateTime, Datelike, Days, TimeDelta, Utc};
use opstella_domain::RunId;
use opstella_domain::promotion::{EnvironmentCommand, Health, RunEnd, ServiceEnvironment};
use opstella_domain::service::{Service, ServiceCommand};
use opstella_journal::{Journal, JournalOptions};
use opstella_projections::queries::{DeliveryScope, Queries};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::delivery::Story;
use crate::steps::{SHOP, place, who};
use crate::stories::key;
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

/// A commit of a component, as CI tells of it.
fn commit(of: &str) -> String {
    let hex: String = of.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:0<40}")
}

impl Story {
    /// CI builds a release; when the commit of each component was made.
    async fn builds(&self, version: &str, commits: [(&str, Option<DateTime<Utc>>); 2]) {
        for (component, (of, committed_at)) in ["api", "web"].into_iter().zip(commits) {
            let commit = commit(of);
            let commit = (commit.as_str(), committed_at);
            self.world
                .register_commit(version, component, "dora", commit)
                .await;
        }
    }

    /// Which commits came to PRD, with which release; each with the first release that had it, and its lead time.
    async fn shipped(&self) -> Vec<(String, String, String, f64)> {
        self.told().await;
        let sql = "SELECT d.release, c.commit, c.first_release, c.lead_seconds FROM dashboard.delivered_changes c \
                   JOIN dashboard.deployments d USING (promotion_id) WHERE c.environment = 'PRD' \
                   ORDER BY c.delivered_at, c.commit";
        sqlx::query_as(sql).fetch_all(&self.world.pool).await.unwrap()
    }

    /// The median of the week's lead times, as the query and all views say it.
    async fn lead(&self) -> Option<f64> {
        let (week, _) = self.told().await;
        for view in ["", "_by_project", "_by_platform"] {
            let sql =
                format!("SELECT attempts, failures, lead_p50_seconds FROM dashboard.delivery_weeks{view}");
            let weeks: Vec<(i64, i64, Option<f64>)> = sqlx::query_as(AssertSqlSafe(sql))
                .fetch_all(&self.world.pool)
                .await
                .unwrap();
            let same = (week.attempts, week.failures, week.lead_time_p50_seconds);
            assert_eq!(weeks, [same], "{view}");
        }
        week.lead_time_p50_seconds
    }
}

/// Which commits came with which release, those that had it first.
fn with(shipped: &[(String, String, String, f64)]) -> Vec<(&str, String, &str)> {
    shipped
        .iter()
        .map(|(release, commit, first, _)| (release.as_str(), commit.clone(), first.as_str()))
        .collect()
}

#[tokio::test]
async fn changes_of_releases_that_were_skipped_count_when_they_go_live() {
    let story = Story::of(&[]).await;
    let ago = |hours| Some(story.now - TimeDelta::hours(hours));
    story.builds("1.0", [("a0", ago(100)), ("w0", ago(100))]).await;
    story.promotes("1.0", RunEnd::Succeeded, 0).await;
    assert_eq!(story.shipped().await.len(), 2);
    // Two stop on the way, the third one goes live with what is in them.
    story.builds("1.1", [("a1", ago(96)), ("w0", ago(100))]).await;
    story.builds("1.2", [("a1", ago(96)), ("w2", ago(72))]).await;
    story.builds("1.3", [("a3", ago(2)), ("w2", ago(72))]).await;
    // What comes later is not in it.
    story.builds("1.4", [("a4", ago(1)), ("w2", ago(72))]).await;
    story.promotes("1.3", RunEnd::Succeeded, 20).await;
    let shipped = story.shipped().await;
    let of = |release, of: &str, first| (release, commit(of), first);
    assert_eq!(
        with(&shipped)[2..],
        [
            of("1.3", "a1", "1.1"),
            of("1.3", "a3", "1.3"),
            of("1.3", "w2", "1.2")
        ]
    );
    let until_base = (story.base - story.now).num_seconds() as f64 / 3600.0;
    let hours: Vec<f64> = shipped
        .iter()
        .map(|change| change.3 / 3600.0 - until_base)
        .collect();
    for (found, expected) in hours.iter().zip([100.0, 100.0, 96.0, 2.0, 72.0]) {
        assert!((found - expected).abs() < 0.6, "{hours:?}");
    }
    // The median of 100, 100, 96, 72 and 2: of changes, not of deployments.
    let median = story.lead().await.unwrap() / 3600.0 - until_base;
    assert!((median - 96.5).abs() < 0.1, "{median}");
    let sql = "SELECT changes, lead_seconds / 3600 FROM dashboard.deployments ORDER BY finished_at";
    let told: Vec<(i64, f64)> = sqlx::query_as(sql).fetch_all(&story.world.pool).await.unwrap();
    assert_eq!((told[0].0, told[1].0), (2, 3));
    assert!(
        (told[1].1 - until_base - 96.5).abs() < 0.1,
        "from the oldest: {told:?}"
    );
}

#[tokio::test]
async fn the_first_release_in_production_brings_all_that_was_built_before() {
    let story = Story::of(&[]).await;
    let ago = |hours| Some(story.now - TimeDelta::hours(hours));
    story.builds("0.1", [("a1", ago(50)), ("w1", ago(50))]).await;
    story.builds("0.2", [("a2", ago(10)), ("w1", ago(50))]).await;
    story.promotes("0.2", RunEnd::Succeeded, 0).await;
    let shipped = story.shipped().await;
    let of = |of: &str, first| ("0.2", commit(of), first);
    assert_eq!(
        with(&shipped),
        [of("a1", "0.1"), of("a2", "0.2"), of("w1", "0.1")]
    );
}

#[tokio::test]
async fn a_component_that_is_released_by_itself_arrives_by_itself() {
    let story = Story::of(&[]).await;
    let ago = |hours| Some(story.now - TimeDelta::hours(hours));
    let builds = async |version: &str, component: &str, of: &str| {
        let commit = commit(of);
        let commit = (commit.as_str(), ago(5));
        story
            .world
            .register_commit(version, component, "dora", commit)
            .await;
    };
    builds("1.0-api", "api", "a0").await;
    builds("1.0-web", "web", "w0").await;
    story.promotes("1.0-web", RunEnd::Succeeded, 0).await;
    let of = |release, of: &str, first| (release, commit(of), first);
    // The other component's release is older, and is not in PRD.
    assert_eq!(with(&story.shipped().await), [of("1.0-web", "w0", "1.0-web")]);
    builds("1.1-web", "web", "w1").await;
    builds("1.1-api", "api", "a1").await;
    builds("1.2-web", "web", "w2").await;
    story.promotes("1.2-web", RunEnd::Succeeded, 20).await;
    story.promotes("1.0-api", RunEnd::Succeeded, 40).await;
    story.promotes("1.1-api", RunEnd::Succeeded, 60).await;
    assert_eq!(
        with(&story.shipped().await),
        [
            of("1.0-web", "w0", "1.0-web"),
            of("1.2-web", "w1", "1.1-web"),
            of("1.2-web", "w2", "1.2-web"),
            of("1.0-api", "a0", "1.0-api"),
            of("1.1-api", "a1", "1.1-api"),
        ]
    );
    let sql = "SELECT array_agg(changes ORDER BY finished_at) FROM dashboard.deployments";
    let changes: Vec<i64> = sqlx::query_scalar(sql)
        .fetch_one(&story.world.pool)
        .await
        .unwrap();
    assert_eq!(changes, [1, 2, 1, 1]);
}

#[tokio::test]
async fn a_change_counts_once_however_often_it_comes() {
    let story = Story::of(&[]).await;
    let ago = |hours| Some(story.now - TimeDelta::hours(hours));
    for version in ["1", "2", "3", "4"] {
        let (api, web) = (format!("a{version}"), format!("w{version}"));
        story.builds(version, [(&api, ago(3)), (&web, ago(2))]).await;
    }
    story.promotes("1", RunEnd::Succeeded, 0).await;
    // It never arrived: its changes come with the next one.
    story
        .promotes("2", crate::steps::undone("Degraded", true), 20)
        .await;
    story.promotes("3", RunEnd::Succeeded, 40).await;
    // Going back ships nothing, coming again nothing new, nor does an older release.
    story.goes_back("1", 60).await;
    story.promotes("3", RunEnd::Succeeded, 80).await;
    story.promotes("2", RunEnd::Succeeded, 100).await;
    story.promotes("4", RunEnd::Succeeded, 120).await;
    let shipped = story.shipped().await;
    let mut expected = Vec::new();
    for (release, changes) in [("1", &["1"][..]), ("3", &["2", "3"][..]), ("4", &["4"][..])] {
        for component in ["a", "w"] {
            let change = |first: &&'static str| (release, commit(&format!("{component}{first}")), *first);
            expected.extend(changes.iter().map(change));
        }
    }
    assert_eq!(with(&shipped), expected);
    let without = "SELECT array_agg(release ORDER BY finished_at) FROM dashboard.deployments \
                   WHERE changes = 0 AND lead_seconds IS NULL";
    let without: Vec<String> = sqlx::query_scalar(without)
        .fetch_one(&story.world.pool)
        .await
        .unwrap();
    assert_eq!(without, ["2", "1", "3", "2"]);
}

#[tokio::test]
async fn lead_time_begins_with_the_commit_or_else_with_the_registration() {
    let story = Story::of(&[]).await;
    let ago = |hours| Some(story.now - TimeDelta::hours(hours));
    story.builds("1", [("a", ago(30)), ("b", None)]).await;
    // Another release had them before: it brings no change, and its deployment has no lead time.
    story.builds("2", [("a", ago(20)), ("b", ago(20))]).await;
    for (version, minutes) in [("1", 0), ("2", 20)] {
        story.promotes(version, RunEnd::Succeeded, minutes).await;
    }
    let shipped = story.shipped().await;
    let first = story
        .world
        .queries()
        .release("retail", "shop", "1")
        .await
        .unwrap()
        .unwrap();
    assert!(first.images[1].committed_at.is_none());
    let expected = [
        story.at(10) - ago(30).unwrap(),
        story.at(10) - first.release.registered_at,
    ];
    assert_eq!(shipped.len(), expected.len());
    for (change, expected) in shipped.iter().zip(expected) {
        let expected = expected.num_milliseconds() as f64 / 1e3;
        assert!(
            (change.3 - expected).abs() < 0.1,
            "{} and not {expected}",
            change.3
        );
    }
    let median = (shipped[0].3 + shipped[1].3) / 2.0;
    assert!((story.lead().await.unwrap() - median).abs() < 1e-3);
}

#[tokio::test]
async fn a_service_that_is_made_anew_has_nothing_of_the_one_before() {
    let story = Story::of(&[]).await;
    let ago = |hours| Some(story.now - TimeDelta::hours(hours));
    story.builds("1", [("a1", ago(30)), ("w1", ago(30))]).await;
    story.builds("2", [("a2", ago(20)), ("w2", ago(20))]).await;
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.is(Health::Degraded, 20).await;
    let run = RunId(Uuid::new_v4());
    let command = ServiceCommand::Decommission {
        key: key(SHOP),
        reason: "done".into(),
        run,
    };
    story.world.send::<Service>(SHOP, command).await;
    let left_behind = false;
    let command = ServiceCommand::RunSucceeded { run, left_behind };
    story.world.send::<Service>(SHOP, command).await;
    let command = EnvironmentCommand::Remove {
        by: who("olga"),
        at: story.at(30),
    };
    story
        .world
        .act::<ServiceEnvironment>(&place("PRD").to_string(), command)
        .await;
    let (week, recoveries) = story.told().await;
    assert_eq!((week.deployments, week.failures), (1, 1), "the past stays");
    assert!(recoveries.is_empty(), "it did not recover");

    story
        .world
        .service(SHOP, &["DEV", "SIT", "UAT", "PRE", "PRD"])
        .await;
    story.builds("3", [("a3", ago(3)), ("w3", ago(3))]).await;
    story.promotes("3", RunEnd::Succeeded, 40).await;
    let shipped = story.shipped().await;
    let of = |release, of: &str| (release, commit(of), release);
    let expected = [of("1", "a1"), of("1", "w1"), of("3", "a3"), of("3", "w3")];
    assert_eq!(with(&shipped), expected, "2 was of another service");
    let (week, recoveries) = story.told().await;
    assert!(recoveries.is_empty(), "{recoveries:?}");
    assert_eq!((week.deployments, week.failures), (2, 1));
}

#[tokio::test]
async fn weeks_begin_on_monday_in_utc_whatever_the_session_is_set_to() {
    let mut story = Story::of(&["1", "2", "3"]).await;
    let options = (*story.world.pool.connect_options()).clone();
    // By a statement: what the database or the role has set gives way to what the driver asks for.
    story.world.pool = PgPoolOptions::new()
        .max_connections(8)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("SET TIME ZONE 'Pacific/Auckland'").await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .unwrap();
    let pool = story.world.pool.clone();
    let zone: String = sqlx::query_scalar("SHOW timezone")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(zone, "Pacific/Auckland");
    story.world.journal = Journal::open(pool.clone(), JournalOptions::default())
        .await
        .unwrap();

    let today = Utc::now().date_naive();
    let monday = today + Days::new(u64::from(14 - today.weekday().num_days_from_monday()));
    let midnight = monday.and_hms_opt(0, 0, 0).unwrap().and_utc();
    // The second deployment ends with Sunday, the third one as Monday begins.
    story.base = midnight - TimeDelta::minutes(30);
    story.promotes("1", RunEnd::Succeeded, 0).await;
    story.is(Health::Degraded, 15).await;
    story.base -= TimeDelta::milliseconds(1);
    story.promotes("2", RunEnd::Succeeded, 20).await;
    story.is(Health::Degraded, 30).await;
    story.base += TimeDelta::milliseconds(1);
    story.promotes("3", RunEnd::Succeeded, 20).await;
    story.told().await;
    let scope = DeliveryScope::default();
    let queries = Queries::new(pool.clone());
    let weeks = async |now| {
        let weeks = queries.delivery(&scope, 2, now).await.unwrap();
        let told = weeks
            .iter()
            .map(|w| (w.starts_on, w.deployments, w.failures, w.recoveries));
        told.collect::<Vec<_>>()
    };
    let week = Days::new(7);
    let sunday = midnight - TimeDelta::milliseconds(1);
    let (before, after) = ((monday - week, 2, 2, 1), (monday, 1, 0, 1));
    assert_eq!(weeks(midnight).await, [before, after]);
    assert_eq!(weeks(sunday).await, [(monday - week - week, 0, 0, 0), before]);
    let sql = "SELECT week, deployments FROM dashboard.delivery_weeks_by_platform ORDER BY week";
    let shown: Vec<(chrono::NaiveDate, i64)> = sqlx::query_as(sql).fetch_all(&pool).await.unwrap();
    assert_eq!(shown, [(monday - week, 2), (monday, 1)]);
}

#[tokio::test]
async fn a_service_that_was_never_deployed_has_weeks_without_figures() {
    let story = Story::of(&["1"]).await;
    story
        .promotes("1", crate::steps::undone("no such image", false), 0)
        .await;
    story.told().await;
    let queries = story.world.queries();
    let scope = DeliveryScope {
        project: Some("retail".into()),
        service: Some("shop".into()),
    };
    let weeks = queries.delivery(&scope, 3, story.at(60)).await.unwrap();
    assert_eq!(weeks.len(), 3);
    for week in &weeks {
        assert_eq!(
            (week.attempts, week.deployments, week.failures, week.recoveries),
            (0, 0, 0, 0)
        );
        assert_eq!(
            (
                week.change_failure_rate,
                week.lead_time_p50_seconds,
                week.recovery_p50_seconds
            ),
            (None, None, None)
        );
    }
    let views = "SELECT (SELECT count(*) FROM dashboard.delivery_weeks) + \
                 (SELECT count(*) FROM dashboard.delivery_weeks_by_project) + \
                 (SELECT count(*) FROM dashboard.delivery_weeks_by_platform)";
    assert_eq!(story.world.count(views).await, 0, "no rows, as the views say");
}
