//! An event that cannot be applied.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cqrs_es::persist::SerializedEvent;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use opstella_journal::{Journal, JournalOptions, Upcaster};
use opstella_projections::{ProjectionError, ProjectionState, Projections, models};

use crate::broken::Tally;
use crate::support::*;

/// Keeps the newest value of each gauge.
#[derive(Clone, Default)]
struct Gauges(Arc<Mutex<BTreeMap<String, f64>>>);

struct One(Gauges, String);

impl metrics::GaugeFn for One {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let labels: Vec<_> = key.labels().map(|label| label.value().to_owned()).collect();
        Gauge::from_arc(Arc::new(One(
            self.clone(),
            format!("{} {}", key.name(), labels.join(" ")),
        )))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Gauges {
    fn get(&self, name: &str) -> Option<f64> {
        self.0.lock().unwrap().get(name).copied()
    }
}

async fn state(projections: &Projections, name: &str) -> opstella_projections::ProjectionStatus {
    let all = projections.status().await.unwrap();
    all.into_iter().find(|status| status.name == name).unwrap()
}

#[tokio::test]
async fn a_poisoned_event_stops_its_own_projection_only_and_it_goes_on_after_the_fix() {
    let gauges = Gauges::default();
    let _guard = metrics::set_default_local_recorder(&gauges);
    let world = world().await;
    let tally = Tally::new();
    tally.broken.store(true, Ordering::SeqCst);
    let mut list = models::all();
    list.push(tally.clone());
    let projections = Projections::new(world.journal.clone(), list, options());
    world.project("before").await;
    world.inject("Odd", "one", 1, "Poison", "{}").await;
    world.project("after").await;
    let head = world.newest().await;
    let running = start(projections.clone());

    for name in ["catalog", "runs", "resources", "audit"] {
        projections.wait_for(&[name], head, PATIENCE).await.unwrap();
    }
    let waited = projections.wait_for(&["tally"], head, PATIENCE).await;
    let Err(ProjectionError::Stopped { at, error, .. }) = waited else {
        panic!("{waited:?}")
    };
    assert!(error.contains("division by zero"), "{error}");
    let stopped = state(&projections, "tally").await;
    assert_eq!(
        (stopped.status, stopped.stopped_at, stopped.lag_events),
        (ProjectionState::Stopped, Some(at), 2)
    );
    assert_eq!(
        world.count("SELECT count(*) FROM read.tally").await,
        1,
        "what came before it is there"
    );
    assert_eq!(
        state(&projections, "catalog").await.status,
        ProjectionState::Running
    );
    until("the metrics", || async {
        gauges.get("opstella_projection_stopped tally") == Some(1.0)
            && gauges.get("opstella_projection_stopped catalog") == Some(0.0)
            && gauges.get("opstella_projection_lag_events tally") == Some(2.0)
            && gauges
                .get("opstella_projection_lag_seconds tally")
                .is_some_and(|lag| lag > 0.0)
    })
    .await;
    let shown =
        "SELECT count(*) FROM dashboard.projection_status WHERE status = 'stopped' AND lag_events = 2";
    assert_eq!(world.count(shown).await, 1);

    // Without a fix it stops at the same event again, and a rebuild leaves things as they are.
    projections.resume("tally").await.unwrap();
    until("stopped again", || async {
        state(&projections, "tally").await.status == ProjectionState::Stopped
    })
    .await;
    assert!(matches!(
        projections.rebuild("tally", |_| {}).await,
        Err(ProjectionError::Poisoned { .. })
    ));
    assert_eq!(
        world
            .count("SELECT count(*) FROM projection_checkpoints WHERE NOT live")
            .await,
        0
    );

    tally.broken.store(false, Ordering::SeqCst);
    projections.resume("tally").await.unwrap();
    projections.wait_for(&["tally"], head, PATIENCE).await.unwrap();
    assert_eq!(world.count("SELECT sum(events)::bigint FROM read.tally").await, 3);
    assert_eq!(state(&projections, "tally").await.error, None);
    until("the metric", || async {
        gauges.get("opstella_projection_stopped tally") == Some(0.0)
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_is_not_understood_stops_who_needs_to_understand_it() {
    let world = world().await;
    world.project("before").await;
    world
        .inject(
            "Project",
            "later",
            1,
            "ProjectRenamed",
            r#"{"ProjectRenamed": {}}"#,
        )
        .await;
    world.project("after").await;
    let running = start(world.projections());
    let head = world.newest().await;
    for name in ["runs", "resources", "audit"] {
        running
            .projections
            .wait_for(&[name], head, PATIENCE)
            .await
            .unwrap();
    }
    let stopped = running.projections.wait_for(&["catalog"], head, PATIENCE).await;
    assert!(stopped.unwrap_err().to_string().contains("ProjectRenamed"));
    running.stop().await;
}

#[tokio::test]
async fn a_rebuild_repairs_a_projection_that_has_stopped() {
    let world = world().await;
    let tally = Tally::new();
    tally.broken.store(true, Ordering::SeqCst);
    let projections = Projections::new(world.journal.clone(), vec![tally.clone()], options());
    world.inject("Odd", "one", 1, "Poison", "{}").await;
    let head = world.newest().await;
    let running = start(projections.clone());
    assert!(projections.wait_for(&[], head, PATIENCE).await.is_err());
    tally.broken.store(false, Ordering::SeqCst);
    projections.rebuild("tally", |_| {}).await.unwrap();
    projections
        .wait_for(&[], head, Duration::from_secs(5))
        .await
        .unwrap();
    let position = world.project("more").await;
    projections.wait_for(&[], position, PATIENCE).await.unwrap();
    assert_eq!(world.count("SELECT sum(events)::bigint FROM read.tally").await, 2);
    running.stop().await;
}

#[tokio::test]
async fn new_code_that_cannot_apply_an_old_event_stops_says_so_and_is_tried_again_on_demand() {
    let world = world().await;
    let tally = Tally::new();
    let projections = Projections::new(world.journal.clone(), vec![tally.clone()], options());
    world.project("before").await;
    world.inject("Odd", "one", 1, "Poison", "{}").await;
    let poison = world.newest().await;
    let running = start(projections.clone());
    running.catch_up(&world.journal).await;
    running.stop().await;

    tally.broken.store(true, Ordering::SeqCst);
    tally.version.store(2, Ordering::SeqCst);
    let running = start(projections.clone());
    until("stopped", || async {
        state(&projections, "tally").await.status == ProjectionState::Stopped
    })
    .await;
    let stopped = state(&projections, "tally").await;
    assert_eq!((stopped.version, stopped.stopped_at), (1, Some(poison)));
    assert!(
        stopped
            .error
            .as_deref()
            .unwrap_or_default()
            .contains("division by zero")
    );
    assert_eq!(
        world.count("SELECT sum(events)::bigint FROM read.tally").await,
        2,
        "the tables of the older code are still there"
    );

    // Not again by itself: `resume` does it.
    tally.broken.store(false, Ordering::SeqCst);
    projections.resume("tally").await.unwrap();
    until("the new version", || async {
        let status = state(&projections, "tally").await;
        status.version == 2 && status.status == ProjectionState::Running
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_panic_stops_its_own_projection_only() {
    let world = world().await;
    let tally = Tally::new();
    tally.panicky.store(true, Ordering::SeqCst);
    let mut list = models::all();
    list.push(tally.clone());
    let projections = Projections::new(world.journal.clone(), list, options());
    world.project("before").await;
    world.inject("Odd", "one", 1, "Poison", "{}").await;
    let head = world.newest().await;
    let running = start(projections.clone());
    projections
        .wait_for(&["catalog", "audit"], head, PATIENCE)
        .await
        .unwrap();
    let waited = projections.wait_for(&["tally"], head, PATIENCE).await;
    assert!(waited.unwrap_err().to_string().contains("a bug"));
    tally.panicky.store(false, Ordering::SeqCst);
    projections.resume("tally").await.unwrap();
    projections.wait_for(&["tally"], head, PATIENCE).await.unwrap();
    assert_eq!(world.count("SELECT sum(events)::bigint FROM read.tally").await, 2);
    running.stop().await;
}

struct Renamed;

impl Upcaster for Renamed {
    fn aggregate_type(&self) -> &str {
        "Odd"
    }
    fn can_upcast(&self, _: &str, event_version: &str) -> bool {
        event_version == "1.0"
    }
    fn upcast(&self, mut event: SerializedEvent) -> SerializedEvent {
        event.event_version = "2.0".into();
        event
    }
}

#[tokio::test]
async fn what_the_journal_itself_cannot_read_is_found_and_stopped_at() {
    let world = world().await;
    let upcasting = JournalOptions {
        upcasters: vec![Arc::new(Renamed)],
        ..JournalOptions::default()
    };
    let journal = Journal::open(world.pool.clone(), upcasting).await.unwrap();
    world.project("before").await;
    world.inject("Odd", "fine", 1, "Fine", "{}").await;
    let fine = world.newest().await;
    // PostgreSQL takes half a surrogate pair for JSON, serde does not.
    world
        .inject("Odd", "one", 1, "Half", r#"{"Half": "\ud800"}"#)
        .await;
    let half = world.newest().await;
    world.project("after").await;
    let projections = Projections::new(journal, vec![Tally::new()], options());
    let running = start(projections.clone());
    let waited = projections.wait_for(&[], world.newest().await, PATIENCE).await;
    let Err(ProjectionError::Stopped { at, error, .. }) = waited else {
        panic!("{waited:?}")
    };
    assert!(at == half && error.contains("not JSON"), "{at} {error}");
    assert_eq!(state(&projections, "tally").await.position, fine);
    running.stop().await;
}
