//! What the catalog and the resources say is left behind.

use opstella_domain::RunId;
use opstella_domain::plan::StepId;
use opstella_domain::run::{FailureClass, RunCommand, RunStatus};
use opstella_domain::service::{Service, ServiceCommand};
use opstella_projections::queries::{PageRequest, Reader, ResourceFilter};

use crate::stories::{Answer, CREATED, component, key};
use crate::support::*;

const LEFT: &str = "sonarqube.project/worker";

impl World {
    /// The resources of the service that are there, and whether somebody gave up removing them.
    async fn there(&self, removed: bool) -> Vec<(String, bool)> {
        let filter = ResourceFilter {
            service: Some("checkout".into()),
            removed,
            ..Default::default()
        };
        let page = PageRequest::first(200);
        let page = self
            .queries()
            .resources(&filter, &Reader::Everything, &page)
            .await
            .unwrap();
        let rows = page.items.into_iter();
        rows.map(|row| (row.step, row.left_behind)).collect()
    }

    /// Drives a run to where it is stuck, and goes on without the step that it is stuck on.
    async fn skip_when_stuck(
        &self,
        run: RunId,
        forward: impl Fn(&StepId, u32) -> Answer + Copy,
        back: Answer,
    ) {
        self.drive(run, forward, |step, _| match step.as_str() {
            LEFT => back.clone(),
            _ => CREATED,
        })
        .await;
        let step = self.state(run).await.stuck_on.clone().unwrap();
        let reason = "by hand".into();
        self.tell(run, RunCommand::SkipStep { step, reason }).await;
        self.drive(run, forward, |_, _| CREATED).await;
        assert!(self.state(run).await.status.ended());
    }
}

#[tokio::test]
async fn resources_that_are_left_behind_stay_in_sight() {
    let world = world().await;
    let running = start(world.projections());
    let service = "payments/checkout";
    let run = world.create(service).await;
    world.succeed(service, run).await;
    let run = world.add_component(service, "worker").await;
    let last = world.state(run).await.plan.steps().last().unwrap().id.clone();
    let fails = |step: &StepId, _: u32| match *step == last {
        true => Answer::Fails(FailureClass::Permanent),
        false => CREATED,
    };
    let stays = Answer::Fails(FailureClass::Permanent);
    world.skip_when_stuck(run, fails, stays).await;
    world.settle(service, run).await;
    running.catch_up(&world.journal).await;
    let there = world.there(false).await;
    let left: Vec<_> = there.iter().filter(|(_, left)| *left).collect();
    assert_eq!(left, [&(LEFT.to_owned(), true)]);

    // A removal that does not look after it does not release it: it is there, and nobody else's.
    let run = world.decommission(service).await;
    let untouched = |step: &StepId, _: u32| match step.as_str() {
        "harbor.project" => Answer::Fails(FailureClass::Permanent),
        _ => CREATED,
    };
    world.skip_when_stuck(run, untouched, CREATED).await;
    assert_eq!(world.state(run).await.status, RunStatus::Succeeded);
    world
        .send::<Service>(
            service,
            ServiceCommand::RunSucceeded {
                run,
                left_behind: true,
            },
        )
        .await;
    running.catch_up(&world.journal).await;
    let mut there = world.there(false).await;
    there.sort();
    let left = |step: &str| (step.to_owned(), true);
    assert_eq!(there, [left("harbor.project"), left(LEFT)]);
    assert_eq!(
        world
            .count("SELECT count(*) FROM read.services WHERE left_behind")
            .await,
        1
    );

    // Made anew and removed with all that was left, nothing is.
    let run = world.create(service).await;
    world.succeed(service, run).await;
    assert_eq!(
        world.state_of(service).await.to_remove().0.len(),
        3,
        "two components and what was left of a third one"
    );
    running.catch_up(&world.journal).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM read.services WHERE left_behind")
            .await,
        1
    );
    running.stop().await;
}

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
