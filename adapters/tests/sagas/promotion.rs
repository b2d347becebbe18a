//! Releases of a service, and runs that promote them to DEV. Nobody decides here whether they may: the run is planned.

use chrono::Utc;
use opstella_domain::plan::{CarriedImage, SagaKind, Targets, plan_promote};
use opstella_domain::run::{Run, RunCommand, RunStatus};
use opstella_domain::{Decide, Environment, RunId, Tool};
use opstella_journal::{Append, EventMetadata, StreamAppend};

use crate::saboteur::Sabotage;
use crate::saga::Saga;
use crate::world::{Process, World, connection, key};

/// Digests of two releases, by the digit that they are made of.
pub const FIRST: char = '1';
pub const SECOND: char = '2';

/// The tag that the template writes, of no image.
const UNPROMOTED: &str = "not-promoted-yet";

pub fn digest(release: char) -> String {
    format!("sha256:{}", release.to_string().repeat(64))
}

/// CI pushes both releases.
pub async fn push(process: &Process, project: &str) {
    for release in [FIRST, SECOND] {
        let tag = format!("1.0.{release}");
        let registry = format!("{project}_checkout");
        for component in ["api", "worker"] {
            let pushed = process
                .tools
                .harbor
                .push(&registry, component, &tag, &digest(release));
            assert!(pushed.is_some());
        }
    }
}

/// Starts the saga for the one component; its run.
pub async fn promote(process: &Process, project: &str, release: char, previous: Option<char>) -> RunId {
    promote_all(process, project, &["api"], release, previous).await
}

async fn promote_all(
    process: &Process,
    project: &str,
    components: &[&str],
    release: char,
    previous: Option<char>,
) -> RunId {
    let mut targets = Targets {
        connection: "main".parse().unwrap(),
        tools: Default::default(),
        public_url: "http://opstella.example".into(),
        deploy_wait_minutes: 15,
    };
    for tool in Tool::all() {
        targets.insert(tool, &connection(tool, &process.tool_url(tool)));
    }
    let image = |component: &&str| CarriedImage {
        component: component.parse().unwrap(),
        digest: digest(release).parse().unwrap(),
        previous: previous.map(|p| digest(p).parse().unwrap()),
        was_ill: false,
    };
    let images: Vec<_> = components.iter().map(image).collect();
    let version = format!("1.0.{release}").parse().unwrap();
    let plan = plan_promote(&key(project), Environment::Dev, &version, &images, &targets).unwrap();
    let run = RunId(uuid::Uuid::new_v4());
    let command = RunCommand::Plan {
        run,
        saga: SagaKind::Promote,
        service: key(project),
        adopt: false,
        at: Utc::now(),
        environment: Some(Environment::Dev),
        plan,
    };
    let journal = process.commands.journal();
    let loaded = journal.load::<Run>(&run.to_string()).await.unwrap();
    let events = loaded.state.decide(command).unwrap();
    let streams = vec![StreamAppend::of(&loaded, events).unwrap()];
    let metadata = EventMetadata {
        command: "PlanRun".into(),
        ..EventMetadata::default()
    };
    journal.append(Append::new(metadata, streams)).await.unwrap();
    run
}

/// The first promotion ever fails at a step: nothing of it is left, and nothing runs but what the template wrote.
async fn first_fails(sabotage: Sabotage, step: &str, runs: &str) {
    let world = World::new().await;
    let process = world.process(false).await;
    Saga::AddComponent.prepare(&process, "first").await;
    push(&process, "first").await;
    let overlay = world.overlay("first");
    assert!(overlay.contains(UNPROMOTED), "{overlay}");
    world.plans.set("first", step, sabotage);
    let run = promote(&process, "first", FIRST, None).await;
    let state = process.settled(run).await;
    assert_eq!(state.status, RunStatus::Failed, "{}", state.cause_text());
    assert_eq!(state.left_behind(), []);
    assert_eq!(world.overlay("first"), overlay);
    assert_eq!(process.tools.harbor.tagged("first_checkout", "api", "dev"), None);
    let standing = process
        .tools
        .argocd
        .standing("first--checkout--api--dev")
        .unwrap();
    assert!(standing.images.concat().ends_with(runs), "{standing:?}");
    assert!(runs.is_empty() || standing.sync == "Synced", "{standing:?}");
    process.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_one_that_fails_before_its_sync_deploys_nothing() {
    first_fails(Sabotage::FailForGood, "argocd.sync/api", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_one_that_fails_after_its_sync_brings_back_what_the_template_wrote() {
    let runs = format!(":{UNPROMOTED}");
    first_fails(Sabotage::WorkThenFailForGood, "kubernetes.smoke/api", &runs).await;
}

/// Argo CD reports Degraded: the environment rolls back by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_does_not_run_is_rolled_back() {
    let world = World::new().await;
    let process = world.process(false).await;
    Saga::Promote.prepare(&process, "broken").await;
    let before = world.everything();
    process
        .tools
        .argocd
        .judge(&digest(SECOND), "Degraded", "CrashLoopBackOff: exit code 1");
    let run = promote(&process, "broken", SECOND, Some(FIRST)).await;
    let state = process.settled(run).await;
    assert_eq!(state.status, RunStatus::Failed);
    let cause = state.cause_text();
    assert!(
        cause.contains("argocd.healthy/api") && cause.contains("Degraded: CrashLoop"),
        "{cause}"
    );
    assert_eq!(state.left_behind(), []);
    assert_eq!(world.everything(), before);
    // Deployed, and undone: no more.
    let commits = world.commits("broken");
    let subjects: Vec<&str> = commits
        .iter()
        .map(|c| c.lines().next().unwrap())
        .take(3)
        .collect();
    let expected = [
        "Undo the deployment of 1.0.2 to DEV [skip ci]",
        "Deploy 1.0.2 to DEV [skip ci]",
        "Deploy 1.0.1 to DEV [skip ci]",
    ];
    assert_eq!(subjects, expected);
    process.end().await;
}

/// Runs, and whether the repository says so.
fn standing(process: &Process, project: &str) -> (String, String) {
    let name = format!("{project}--checkout--api--dev");
    let standing = process.tools.argocd.standing(&name).unwrap();
    let images = standing.images.concat();
    let (_, version) = images.split_once('@').unwrap_or_default();
    (version.to_owned(), standing.sync)
}

/// A promotion of the second release that does not become well, under way: the second release runs.
async fn that_will_fail(world: &World, process: &Process, project: &str) -> RunId {
    Saga::Promote.prepare(process, project).await;
    world.plans.set(
        project,
        "kubernetes.smoke/api",
        Sabotage::FailTransiently(u32::MAX),
    );
    let run = promote(process, project, SECOND, Some(FIRST)).await;
    let name = format!("{project}--checkout--api--dev");
    let healthy = || {
        let standing = process.tools.argocd.standing(&name).unwrap();
        standing.health == "Healthy" && standing.images.concat().ends_with(&digest(SECOND))
    };
    world.until(healthy).await;
    run
}

/// Somebody commits another image while a promotion that will fail is under way: their commit stays, and is not deployed:
/// no gate has seen it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_newer_commit_is_neither_undone_nor_deployed() {
    let world = World::new().await;
    let process = world.process(false).await;
    let run = that_will_fail(&world, &process, "theirs").await;
    let theirs = world.overlay("theirs").replace(&digest(SECOND), &digest('3'));
    world.commit_overlay("theirs", &theirs).await;
    let state = process.settled(run).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(state.left_behind(), []);
    assert_eq!(world.overlay("theirs"), theirs);
    let expected = (digest(FIRST), "OutOfSync".to_owned());
    assert_eq!(standing(&process, "theirs"), expected);
    process.end().await;
}

/// Somebody writes something else into the same file meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_wrote_beside_the_image_stays() {
    let world = World::new().await;
    let process = world.process(false).await;
    let run = that_will_fail(&world, &process, "beside").await;
    let theirs = format!("# Ours.\n{}", world.overlay("beside"));
    world.commit_overlay("beside", &theirs).await;
    let state = process.settled(run).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(state.left_behind(), []);
    let before = theirs.replace(&digest(SECOND), &digest(FIRST));
    assert_eq!(world.overlay("beside"), before);
    assert_eq!(standing(&process, "beside"), (digest(FIRST), "Synced".to_owned()));
    process.end().await;
}

/// An image that somebody pushed into the repository is not deployed by a promotion that comes to nothing before its sync.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_fails_before_its_sync_deploys_nothing() {
    let world = World::new().await;
    let process = world.process(false).await;
    Saga::Promote.prepare(&process, "checks").await;
    let theirs = world.overlay("checks").replace(&digest(FIRST), &digest('3'));
    world.commit_overlay("checks", &theirs).await;
    let steps = [
        ("harbor.artifact/api", digest('3')),
        ("harbor.tag/api", digest('3')),
        // Its commit has named another one meanwhile, and goes back to the one that runs.
        ("argocd.sync/api", digest(FIRST)),
    ];
    for (step, named) in steps {
        world.plans.set("checks", step, Sabotage::FailForGood);
        let run = promote(&process, "checks", SECOND, Some(FIRST)).await;
        let state = process.settled(run).await;
        assert_eq!(state.status, RunStatus::Failed, "{step}");
        assert_eq!(state.left_behind(), [], "{step}");
        assert_eq!(standing(&process, "checks").0, digest(FIRST), "{step}");
        assert!(world.overlay("checks").contains(&named), "{step}");
        world.plans.lift("checks", step);
    }
    process.end().await;
}

/// A run that was given up has named the release in the repository; the next one fails, and says that it changed the
/// environment, which is back at what ran.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_that_was_given_up_committed_is_undone_with_the_next_one() {
    let world = World::new().await;
    let process = world.process(false).await;
    Saga::Promote.prepare(&process, "given-up").await;
    let before = world.overlay("given-up");
    let named = before.replace(&digest(FIRST), &digest(SECOND));
    world.commit_overlay("given-up", &named).await;
    world
        .plans
        .set("given-up", "kubernetes.smoke/api", Sabotage::FailForGood);
    let run = promote(&process, "given-up", SECOND, Some(FIRST)).await;
    let state = process.settled(run).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert!(state.committed());
    assert_eq!(state.left_behind(), []);
    assert_eq!(world.overlay("given-up"), before);
    assert_eq!(
        standing(&process, "given-up"),
        (digest(FIRST), "Synced".to_owned())
    );
    process.end().await;
}

/// One of two components does not come up: neither stays at the new release.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_components_go_or_none() {
    let world = World::new().await;
    let process = world.process(false).await;
    Saga::AddComponent.prepare(&process, "both").await;
    let run = Saga::AddComponent.start(&process, "both").await;
    process.succeeds(run).await;
    push(&process, "both").await;
    let both = ["api", "worker"];
    let runs = |component: &str| {
        let name = format!("both--checkout--{component}--dev");
        process.tools.argocd.standing(&name).unwrap().images.concat()
    };
    let run = promote_all(&process, "both", &both, FIRST, None).await;
    process.succeeds(run).await;
    assert!(
        both.iter()
            .all(|component| runs(component).ends_with(&digest(FIRST)))
    );
    let before = world.everything();
    for (step, sabotage) in [
        ("harbor.artifact/worker", Sabotage::FailForGood),
        ("gitlab.image/worker", Sabotage::WorkThenFailForGood),
        ("kubernetes.smoke/worker", Sabotage::WorkThenFailForGood),
    ] {
        world.plans.set("both", step, sabotage);
        let run = promote_all(&process, "both", &both, SECOND, Some(FIRST)).await;
        let state = process.settled(run).await;
        assert_eq!(state.status, RunStatus::Failed, "{step}: {}", state.cause_text());
        assert_eq!(world.everything(), before, "{step}");
        world.plans.lift("both", step);
    }
    let run = promote_all(&process, "both", &both, SECOND, Some(FIRST)).await;
    process.succeeds(run).await;
    assert!(
        both.iter()
            .all(|component| runs(component).ends_with(&digest(SECOND)))
    );
    process.end().await;
}
