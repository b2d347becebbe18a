//! What the adapter sends fits Harbor's published description, and so does what it is answered.

use opstella_adapters::{Removal, ToolAdapter};
use opstella_sandbox::contract::{Contract, Vendor};
use serde_json::json;

use crate::promotion::{artifact, tag};
use crate::world::{PROJECT, World, project, retention, robot};

#[tokio::test]
async fn every_exchange_fits_the_description() {
    let Some(contract) = Contract::load(Vendor::Harbor).unwrap() else {
        return;
    };
    let operations = [project(), robot(), retention()];
    let made = World::new().await;
    made.adapter.health().await.unwrap();
    for operation in &operations {
        made.ensure(operation, 1).await;
    }
    // Drift, and a lost secret.
    let drifted = json!({ "metadata": { "auto_scan": "false" } });
    made.raw("PUT", &format!("/projects/{PROJECT}"), drifted);
    let mut policy = made.policy();
    policy["rules"] = json!([]);
    made.raw("PUT", &format!("/retentions/{}", policy["id"]), policy.clone());
    let mut account = made.robots()[0].clone();
    account["disable"] = json!(true);
    made.raw("PUT", &format!("/robots/{}", account["id"]), account.clone());
    made.secrets.0.lock().unwrap().clear();
    for operation in &operations {
        made.ensure(operation, 2).await;
    }
    for digit in ['1', '2'] {
        made.push("uat", digit);
    }
    made.ensure(&artifact('1'), 2).await;
    made.ensure(&tag('1', Some('2')), 2).await;
    made.remove(&tag('1', Some('2')), 2, Removal::ThisRun).await;
    for missing in [artifact('9'), tag('9', None)] {
        let context = made.context(2);
        made.adapter.ensure(&missing, &context).await.unwrap_err();
    }
    let scan = opstella_adapters::ReportSource::RegistryScan {
        project: opstella_domain::naming::RegistryProject::of(&crate::world::service()),
        repository: "api".parse().unwrap(),
        digest: crate::promotion::digest('1').parse().unwrap(),
    };
    made.adapter.report(&scan).await.unwrap().unwrap();
    made.tool.push(PROJECT, "api/web", "1.0", "sha256:1").unwrap();
    for operation in operations.iter().rev() {
        made.remove(operation, 3, Removal::Service).await;
    }
    assert_eq!(made.sandbox.state()["harbor"], json!({}));

    let adopted = World::new().await;
    for operation in &operations {
        adopted.occupy_in(operation);
        adopted.adopt(operation, 1).await;
    }
    let exchanges = [made.sandbox.exchanges(), adopted.sandbox.exchanges()].concat();
    for exchange in &exchanges {
        if let Err(violation) = contract.check_recorded(exchange) {
            let sent = String::from_utf8_lossy(&exchange.request_body);
            panic!("{violation}\n{} {} {sent}", exchange.method, exchange.path);
        }
    }
    assert!(exchanges.len() > 40, "{} exchanges", exchanges.len());
}
