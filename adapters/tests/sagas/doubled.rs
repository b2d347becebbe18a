//! Every step is carried out twice, and nothing doubles.

use crate::saga::Saga;
use crate::world::World;

async fn twice(saga: Saga) {
    let world = World::new().await;
    let once = world.process(false).await;
    saga.steps(&once).await;
    let (expected, commits) = (world.of("plan"), world.commits("plan"));
    once.end().await;

    let process = world.process(true).await;
    saga.prepare(&process, "twice").await;
    let run = saga.start(&process, "twice").await;
    process.succeeds(run).await;
    assert_eq!(world.of("twice"), expected, "{saga:?}");
    assert_eq!(world.commits("twice"), commits, "{saga:?}");
    process.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provision() {
    twice(Saga::Provision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn add_component() {
    twice(Saga::AddComponent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn add_environment() {
    twice(Saga::AddEnvironment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decommission() {
    twice(Saga::Decommission).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promote() {
    twice(Saga::Promote).await;
}

/// What a first run made is the second one's too, and stays when the second one fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_service_of_the_project_shares_and_leaves_what_is_shared() {
    use opstella_commands::CreateService;
    use opstella_domain::ServiceKey;
    use opstella_domain::run::RunStatus;

    use crate::saboteur::Sabotage;
    use crate::world::{Process, context};

    let world = World::new().await;
    let process = world.process(false).await;
    Saga::AddComponent.prepare(&process, "shared").await;
    let before = world.everything();
    world
        .plans
        .set("shared", "argocd.application/api/dev", Sabotage::FailForGood);
    let second = ServiceKey {
        service: "refund".parse().unwrap(),
        ..crate::world::key("shared")
    };
    let request = CreateService {
        key: second,
        ..Process::creation("shared")
    };
    let run = process
        .commands
        .create_service(&context(), request)
        .await
        .unwrap()
        .run
        .unwrap();
    assert_eq!(process.settled(run).await.status, RunStatus::Failed);
    assert_eq!(world.everything(), before);
    process.end().await;
}
