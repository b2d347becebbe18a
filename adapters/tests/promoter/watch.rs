//! What Argo CD runs: one question a project, and a closer look only where that would be news.

use std::time::Duration;

use opstella_domain::promotion::Health;

use crate::world::{World, image};

const DEV: &str = "payments/checkout/DEV";
const API: &str = "payments--checkout--api--dev";
const WORKER: &str = "payments--checkout--worker--dev";

async fn world() -> World {
    let mut world = World::new().await;
    world.options.watch_interval = Duration::from_millis(50);
    world
}

/// Waits until so many more rounds have come to their end, of one project.
async fn rounds(world: &World, project: &str, count: usize) {
    let surveys = || {
        let surveys = world.argo.surveys();
        surveys.iter().filter(|of| *of == project).count()
    };
    // One may be under way.
    let to = surveys() + count + 1;
    world.until("rounds", async || surveys() >= to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_as_it_should_be_one_question_a_project_is_enough() {
    let world = world().await;
    for project in ["payments", "ledger"] {
        for service in 0..20 {
            for environment in ["DEV", "SIT"] {
                let key = format!("{project}/s{service}/{environment}");
                world.running(&key, &["api", "worker"]).await;
            }
        }
    }
    let events = world.events().await;
    let promoter = world.promoter();
    world
        .until("the notes", async || world.count("deployed").await == 80)
        .await;
    rounds(&world, "payments", 2).await;
    promoter.shutdown().await;
    assert_eq!(world.argo.looks(), Vec::<String>::new());
    assert_eq!(world.events().await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_looked_at_closely_and_recorded_once() {
    let world = world().await;
    world.running(DEV, &["api", "worker"]).await;
    world.running("payments/checkout/SIT", &["api", "worker"]).await;
    // The same image by its digest, from somewhere else.
    let foreign = image("payments", "checkout", "api").replace("harbor.example", "elsewhere.example");
    world.argo.runs(API, &foreign, "Healthy");
    let promoter = world.promoter();
    world
        .until("drift", async || world.environment(DEV).await.drift.is_some())
        .await;
    let drift = world.environment(DEV).await.drift.unwrap();
    assert_eq!(drift.found, [("api".parse().unwrap(), foreign)].into());
    let events = world.events().await;
    rounds(&world, "payments", 2).await;
    let mut looks = world.argo.looks();
    looks.sort();
    assert_eq!(looks, [API, WORKER], "what is recorded is no news");
    assert_eq!(world.events().await, events);
    world
        .argo
        .runs(API, &image("payments", "checkout", "api"), "Healthy");
    world
        .until("no drift", async || world.environment(DEV).await.drift.is_none())
        .await;
    promoter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_survey_says_is_not_recorded() {
    let world = world().await;
    world.running(DEV, &["api"]).await;
    world.argo.shows(API, "nginx:latest", "Degraded");
    let events = world.events().await;
    let promoter = world.promoter();
    world
        .until("a closer look", async || world.argo.looks().len() > 1)
        .await;
    promoter.shutdown().await;
    assert_eq!(world.events().await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_seen_hides_neither_the_drift_of_others_nor_that_one_is_ill() {
    let world = world().await;
    world.running(DEV, &["api", "worker"]).await;
    world
        .argo
        .runs(WORKER, &image("payments", "checkout", "worker"), "Degraded");
    let promoter = world.promoter();
    let ill = async || {
        let current = world.environment(DEV).await.current;
        current.unwrap().health == Health::Degraded
    };
    world.until("it to be ill", ill).await;
    // From now on nobody sees how the worker is, and something else runs beside it.
    world.argo.hides(WORKER);
    world.argo.runs(API, "nginx:latest", "Healthy");
    world
        .until("drift", async || world.environment(DEV).await.drift.is_some())
        .await;
    rounds(&world, "payments", 2).await;
    assert!(ill().await, "of the one that was not seen nothing is known");
    promoter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_argo_cd_is_away_nobody_goes_on_asking_in_that_round() {
    let mut world = world().await;
    world.options.watch_interval = Duration::from_secs(2);
    for number in 0..60 {
        let key = format!("p{number}/checkout/DEV");
        world.running(&key, &["api"]).await;
    }
    world.argo.is_away(true);
    world
        .argo
        .runs("p7--checkout--api--dev", "nginx:latest", "Healthy");
    let promoter = world.promoter();
    world
        .until("the first question", async || !world.argo.surveys().is_empty())
        .await;
    // Those that were under way side by side.
    let asked = world.argo.surveys().len();
    assert!(asked <= 8, "{asked} were asked");
    world.argo.is_away(false);
    let drifted = async || world.environment("p7/checkout/DEV").await.drift.is_some();
    world.until("drift", drifted).await;
    promoter.shutdown().await;
}
