//! What the catalog says is left behind.

use opstella_domain::service::{Service, ServiceCommand};

use crate::stories::{component, key};
use crate::support::*;

#[tokio::test]
async fn what_is_left_behind_is_that_of_the_last_change() {
    let world = world().await;
    let running = start(world.projections());
    let left_behind = async || {
        running.catch_up(&world.journal).await;
        world
            .count("SELECT count(*) FROM read.services WHERE left_behind")
            .await
            == 1
    };
    let service = "payments/checkout";
    let run = world.create(service).await;
    let tell = async |command| world.send::<Service>(service, command).await;
    tell(ServiceCommand::RunSucceeded {
        run,
        left_behind: false,
    })
    .await;

    let run = world.add_component(service, "worker").await;
    let cause = "no".to_owned();
    tell(ServiceCommand::RunEnded {
        run,
        cause,
        left_behind: true,
    })
    .await;
    assert!(left_behind().await);
    let run = opstella_domain::RunId(uuid::Uuid::now_v7());
    let (key, component) = (key(service), component("worker"));
    tell(ServiceCommand::AddComponent {
        key,
        component,
        adopt: false,
        run,
    })
    .await;
    tell(ServiceCommand::RunSucceeded {
        run,
        left_behind: false,
    })
    .await;
    assert!(!left_behind().await, "made after all");

    let run = world.decommission(service).await;
    let cause = "given up".to_owned();
    tell(ServiceCommand::RunEnded {
        run,
        cause,
        left_behind: false,
    })
    .await;
    assert!(left_behind().await, "some of it is there still");
    running.stop().await;
}
