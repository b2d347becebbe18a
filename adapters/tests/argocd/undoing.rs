//! The way back of an application that a promotion held.

use opstella_adapters::{Removed, StepContext, ToolAdapter};
use opstella_domain::operation::Operation;
use serde_json::json;

use crate::promotion::{awaited, digest, healthy, hold, later, promoting, sync};
use crate::world::{APPLICATION, World, checkout, permanent, transient};

const OPERATION: &str = "/api/v1/applications/payments--checkout--api--dev/operation";

impl World {
    /// A run has brought 2; 1 is ill by now, and its repository says 1 again.
    async fn back_to_what_is_ill() -> (Self, StepContext) {
        let (world, run) = Self::promoted().await;
        world.commit_digest('1');
        let argocd = &world.tools.argocd;
        argocd.judge(digest('1').as_str(), "Degraded", "no database");
        (world, run)
    }
}

#[tokio::test]
async fn undoing_brings_back_what_ran() {
    let (world, run) = World::promoted().await;
    let syncs = world.syncs();
    world.commit_digest('1');
    awaited(world.adapter.remove(&hold(Some('1')), &run).await.unwrap_err());
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    world.assert_runs('1');
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    assert_eq!(world.syncs(), syncs + 1);
}

/// What people pushed is not deployed by a promotion that came to nothing before its sync, whether it had committed or not.
#[tokio::test]
async fn where_this_run_has_deployed_nothing_nothing_is_synced() {
    let world = World::running('1').await;
    let before = world.head();
    let writes = world.writes();
    world.commit_digest('3');
    assert_eq!(
        world.undone(&hold(Some('1')), &checkout(2)).await,
        Removed::Absent
    );
    let run = promoting(before, world.commit_digest('2'));
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    world.commit_digest('3');
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    assert_eq!(world.writes(), writes);
    assert_eq!(world.runs().0, format!("@{}", digest('1')));
}

#[tokio::test]
async fn where_nothing_ran_before_nobody_waits_for_health() {
    let world = World::with_repository().await;
    let run = promoting(world.head(), world.commit_digest('1'));
    assert_eq!(world.undone(&hold(None), &run).await, Removed::Absent);
    assert_eq!(world.syncs(), 0, "nothing was ever deployed, and is not now");
    world.tools.argocd.judge("1.0.1", "Degraded", "ImagePullBackOff");
    world.reaches_in(&sync('1'), &run).await;
    world.reaches_in(&healthy('1'), &run).await;
    world.commit("newTag: \"1.0.1\"");
    assert_eq!(world.undone(&hold(None), &run).await, Removed::Absent);
    let (version, sync, _) = world.runs();
    assert_eq!((version.as_str(), sync.as_str()), (":1.0.1", "Synced"));
}

#[tokio::test]
async fn undoing_waits_for_health_as_long_as_this_run_changed_something() {
    let (world, run) = World::back_to_what_is_ill().await;
    for _ in 0..6 {
        awaited(world.adapter.remove(&hold(Some('1')), &run).await.unwrap_err());
    }
    // A run that changed nothing leaves as it is what was ill before.
    let removed = world.adapter.remove(&hold(Some('1')), &later()).await.unwrap();
    assert_eq!(removed, Removed::Absent);
    world.tools.argocd.judge(digest('1').as_str(), "Healthy", "");
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    world.assert_runs('1');
}

#[tokio::test]
async fn undoing_does_not_wait_for_what_was_ill_before_to_be_well() {
    let (world, run) = World::back_to_what_is_ill().await;
    let mut hold = hold(Some('1'));
    if let Operation::ArgoHold { was_ill, .. } = &mut hold {
        *was_ill = true;
    }
    assert_eq!(world.undone(&hold, &run).await, Removed::Absent);
    let (version, sync, health) = world.runs();
    assert_eq!(version, format!("@{}", digest('1')));
    assert_eq!((sync.as_str(), health.as_str()), ("Synced", "Degraded"));
}

#[tokio::test]
async fn undoing_brings_back_what_ran_where_somebody_else_committed() {
    let (world, run) = World::promoted().await;
    world.commit_digest('3');
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    let expected = (format!("@{}", digest('1')), "OutOfSync".into(), "Healthy".into());
    assert_eq!(world.runs(), expected);
}

/// Somebody has deployed something else by hand since: that stays, and the run does not say that what ran before is back.
#[tokio::test]
async fn what_somebody_deployed_since_is_left_to_an_operator() {
    let (world, run) = World::promoted().await;
    world.commit_digest('3');
    world.reaches(&sync('3')).await;
    world.reaches(&healthy('3')).await;
    let error = permanent(&world.comes_to(&hold(Some('1')), &run).await.unwrap_err());
    assert!(
        error.contains(digest('3').as_str()) && error.contains("skip it"),
        "{error}"
    );
    world.assert_runs('3');
    // They go back to it themselves.
    world.commit_digest('1');
    world.reaches(&sync('1')).await;
    world.reaches(&healthy('1')).await;
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
}

/// A run that was given up deployed the very commit that the next run found; it does not count as what ran before.
#[tokio::test]
async fn what_a_run_that_was_given_up_deployed_is_undone() {
    let (world, run) = World::promoted().await;
    let revision = run.commit.as_ref().unwrap().revision.clone();
    let run = promoting(revision.clone(), revision);
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    assert_eq!(world.runs().0, format!("@{}", digest('1')));
    // What was deployed before, and runs, stays.
    let world = World::running('1').await;
    let run = promoting(world.head(), world.head());
    let writes = world.writes();
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    assert_eq!(world.writes(), writes);
}

/// A hook that never ends would hold the way back up for ever.
#[tokio::test]
async fn a_sync_of_this_run_that_hangs_is_ended() {
    let world = World::running('1').await;
    let run = promoting(world.head(), world.commit_digest('2'));
    world.reaches_in(&sync('2'), &run).await;
    let ended = || {
        let exchanges = world.sandbox.exchanges();
        let ended = exchanges.iter().filter(|e| e.path == OPERATION);
        ended.filter(|e| e.status.is_success()).count()
    };
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
    assert_eq!(ended(), 1);
    assert_eq!(world.runs().0, format!("@{}", digest('1')));
    // What somebody else syncs is waited for.
    world.commit_digest('3');
    world.reaches(&sync('3')).await;
    awaited(world.adapter.remove(&hold(Some('1')), &run).await.unwrap_err());
    assert_eq!(ended(), 1);
    // It has ended meanwhile.
    let (world, run) = World::promoted().await;
    let mut shown = world.get(APPLICATION).await;
    shown["status"]["operationState"]["phase"] = json!("Running");
    world.show(&shown);
    awaited(world.adapter.remove(&hold(Some('1')), &run).await.unwrap_err());
    assert_eq!(world.undone(&hold(Some('1')), &run).await, Removed::Absent);
}

#[tokio::test]
async fn a_way_back_that_fails_is_counted() {
    let (world, mut run) = World::promoted().await;
    if let Some(commit) = &mut run.commit {
        commit.before = Some("f".repeat(40));
    }
    awaited(world.adapter.remove(&hold(Some('1')), &run).await.unwrap_err());
    let error = world.comes_to(&hold(Some('1')), &run).await.unwrap_err();
    transient(&error);
    assert!(error.to_string().contains("repository not found"), "{error}");
}
