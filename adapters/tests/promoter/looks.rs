//! Looks at gates that are asked for: durable, and in turn.

use chrono::Utc;
use opstella_domain::policy::{Policy, PolicyEvent, PolicyRules};
use opstella_domain::promotion::{EnvironmentEvent, ServiceEnvironment};
use opstella_journal::Position;

use crate::world::World;

/// So many environments wait, of services that are named `s1`, `s2`, ….
async fn waiting(world: &World, project: &str, environment: &str, count: i32) {
    let sql = "INSERT INTO promoter_environments (environment, waiting, deployed)
        SELECT $1 || '/s' || n || '/' || $2, true, false FROM generate_series(1, $3) AS n";
    let seed = sqlx::query(sql).bind(project).bind(environment).bind(count);
    seed.execute(&world.pool).await.unwrap();
}

async fn set_policy(world: &World, key: &str) -> Position {
    let event = PolicyEvent::PolicySet {
        key: key.parse().unwrap(),
        version: 1,
        rules: Box::new(PolicyRules::default()),
    };
    world.append::<Policy>(key, vec![event]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_of_all_asks_for_holds_back_nothing_else() {
    let world = World::new().await;
    waiting(&world, "bulk", "SIT", 5000).await;
    waiting(&world, "payments", "SIT", 1).await;
    let promoter = world.promoter();
    let policy = set_policy(&world, "SIT").await;
    world.followed(policy).await;
    assert_eq!(world.count("asked > 0").await, 5001);
    world
        .until("the first looks", async || world.count("looked > 0").await > 0)
        .await;
    // Something happens to the one service.
    let event = EnvironmentEvent::DriftCleared { at: Utc::now() };
    let key = "payments/s1/DEV";
    let event = world.append::<ServiceEnvironment>(key, vec![event]).await;
    world.followed(event).await;
    let mine = "environment = 'payments/s1/SIT' AND asked = 2 AND looked = 2";
    world
        .until("the look at it", async || world.count(mine).await == 1)
        .await;
    let pending = world.count("asked > looked").await;
    assert!(pending > 0, "it came when all others had been looked at");
    promoter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_looked_at_after_a_crash_and_nothing_else_is() {
    let world = World::new().await;
    for (project, environment) in [("payments", "SIT"), ("payments", "UAT"), ("ledger", "SIT")] {
        waiting(&world, project, environment, 40).await;
    }
    // Somebody asked, and died.
    let asked = "UPDATE promoter_environments SET asked = 3, looked = 2 WHERE environment LIKE 'ledger/s1%'";
    sqlx::query(asked).execute(&world.pool).await.unwrap();
    let policy = set_policy(&world, "payments/SIT").await;
    let promoter = world.promoter();
    world.followed(policy).await;
    world
        .until("all looks", async || world.count("asked > looked").await == 0)
        .await;
    assert_eq!(
        world.count("looked = 1").await,
        40,
        "those that the policy is for"
    );
    assert_eq!(world.count("looked = 3").await, 11, "s1, s10 to s19");
    assert_eq!(world.count("looked = 0").await, 40 + 29);
    promoter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_asks_for_all_that_wait() {
    let mut world = World::new().await;
    world.options.clock_interval = std::time::Duration::from_millis(20);
    waiting(&world, "payments", "SIT", 20).await;
    let promoter = world.promoter();
    world
        .until("looks at all", async || world.count("looked > 1").await == 20)
        .await;
    promoter.shutdown().await;
}
