//! Two Opstellas on the same tools, each with a service of the same name.

use opstella_domain::run::RunStatus;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_never_touches_what_the_other_has() {
    let name = "twins";
    let world = World::new().await;
    let other = world.beside().await;
    let (first, second) = (world.process(false).await, other.process(false).await);
    assert_ne!(first.installation, second.installation);
    for process in [&first, &second] {
        process.create_project(name).await;
    }
    first.succeeds(first.create(name).await).await;
    let before = world.everything();

    let refused = second.settled(second.create(name).await).await;
    assert_eq!(refused.status, RunStatus::Failed, "{}", refused.cause_text());
    assert_eq!(refused.left_behind(), []);
    let why = refused.cause_text();
    assert!(why.contains(&first.installation.to_string()), "{why}");
    assert_eq!(world.everything(), before);

    // A new process of it is still the same one.
    let id = first.installation;
    first.end().await;
    let again = world.process(false).await;
    assert_eq!(again.installation, id);
    again.end().await;
    second.end().await;
}
