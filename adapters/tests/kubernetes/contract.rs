//! Every exchange of every operation fits the published API description.

use opstella_adapters::{Removal, ToolAdapter};
use opstella_domain::Environment;
use opstella_sandbox::SandboxOptions;
use opstella_sandbox::contract::{Contract, Exchange, Vendor};
use serde_json::{Value, json};

use crate::world::{World, a_run, cases_in};

#[tokio::test]
async fn every_exchange_fits_the_description() {
    // Where the description is not at hand, `load` says on standard error that it is skipped.
    let Some(contract) = Contract::load(Vendor::Kubernetes).unwrap() else {
        return;
    };
    let options = SandboxOptions {
        record_exchanges: true,
        ..SandboxOptions::default()
    };
    let (world, run) = (World::with(options).await, a_run());
    world.adapter.health().await.unwrap();
    for environment in [Environment::Dev, Environment::Prd] {
        for case in cases_in(environment) {
            world.ensure(&case.operation, run).await.unwrap();
        }
        // Something to bring up to date, in each of them, by whoever may write; and something to adopt.
        for case in cases_in(environment) {
            let marks = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": null } } });
            world.patch(&case.path(), marks).await;
            world.ensure(&case.operation, run).await.unwrap_err();
            world.adopt(&case.operation, run).await.unwrap();
        }
    }
    world.ensure(&crate::smoke::smoke(), run).await.unwrap_err();
    for case in cases_in(Environment::Prd).iter().rev() {
        let run_again = json!({ "metadata": { "annotations": { "opstella.io/run": run.to_string() } } });
        world.patch(&case.path(), run_again).await;
        world.remove(&case.operation, run, Removal::ThisRun).await;
        world.remove(&case.operation, run, Removal::ThisRun).await;
    }
    let exchanges = world.sandbox.exchanges();
    let json = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
    for exchange in &exchanges {
        let (sent, got) = (json(&exchange.request_body), json(&exchange.response_body));
        let checked = contract.check(&Exchange {
            method: &exchange.method,
            path: &exchange.path,
            query: &exchange.query,
            request_body: sent.as_ref(),
            status: exchange.status.as_u16(),
            response_body: got.as_ref(),
        });
        assert_eq!(checked, Ok(()), "{} {}", exchange.method, exchange.path);
    }
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        assert!(
            exchanges.iter().filter(|e| e.method == method).count() >= 7,
            "{method}"
        );
    }
}
