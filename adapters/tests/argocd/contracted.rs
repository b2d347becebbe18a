//! Every exchange of the adapter fits the vendor's description.

use opstella_adapters::ToolAdapter;
use opstella_sandbox::contract::{Contract, Exchange, Vendor};
use serde_json::{Value, json};

use crate::promotion::{healthy, hold, promoting, sync};
use crate::world::{APPLICATION, PROJECT, World, adopting, application, checkout, decommissioning, project};

#[tokio::test]
async fn exchanges_fit_argo_cds_description() {
    let Some(contract) = Contract::load(Vendor::ArgoCd).unwrap() else {
        return;
    };
    let world = World::new().await;
    world.adapter.health().await.unwrap();
    // Its project is made with it, where it is not there.
    world.ensure(&application(), &checkout(1)).await;
    for operation in [project(), application()] {
        for context in [checkout(1), checkout(2), adopting(3)] {
            world.ensure(&operation, &context).await;
        }
    }
    let mut drifted = world.get(PROJECT).await;
    drifted["spec"]["namespaceResourceBlacklist"] = json!([]);
    drifted["spec"]["sourceRepos"] = json!(["*"]);
    world.put(PROJECT, &json!({ "project": drifted })).await;
    let mut drifted = world.get(APPLICATION).await;
    drifted["metadata"]["labels"] = json!({});
    drifted["spec"]["source"]["targetRevision"] = json!("v1");
    world.put(APPLICATION, &drifted).await;
    world.ensure(&project(), &checkout(1)).await;
    world.refusal(&application(), &checkout(1)).await;
    world.ensure(&application(), &adopting(1)).await;
    for context in [checkout(1), decommissioning(1)] {
        for operation in [project(), application()] {
            world.remove(&operation, &context).await;
        }
    }
    // The adopted one is its owner's to delete.
    world.call(http::Method::DELETE, APPLICATION, &Value::Null).await;
    world.ensure(&application(), &checkout(1)).await;
    for operation in [application(), project()] {
        world.remove(&operation, &checkout(1)).await;
        world.remove(&operation, &checkout(1)).await;
    }
    assert_eq!(world.state(), json!({}));

    let deployed = World::with_repository().await;
    deployed.commit_digest('1');
    deployed.reaches(&hold(None)).await;
    deployed.reaches(&sync('1')).await;
    deployed.reaches(&healthy('1')).await;
    let run = promoting(deployed.head(), deployed.commit_digest('2'));
    deployed.reaches_in(&sync('2'), &run).await;
    deployed.undone(&hold(Some('1')), &run).await;
    deployed.adapter.observe(&healthy('1')).await.unwrap();
    let project = "payments".parse().unwrap();
    deployed.adapter.survey(&project).await.unwrap();

    let exchanges = [world.sandbox.exchanges(), deployed.sandbox.exchanges()].concat();
    for method in ["GET", "POST", "PUT", "DELETE"] {
        assert!(exchanges.iter().any(|e| e.method == method), "{method}");
    }
    for exchange in exchanges {
        let sent: Option<Value> = serde_json::from_slice(&exchange.request_body).ok();
        let received: Option<Value> = serde_json::from_slice(&exchange.response_body).ok();
        let checked = contract.check(&Exchange {
            method: &exchange.method,
            path: &exchange.path,
            query: &exchange.query,
            request_body: sent.as_ref(),
            status: exchange.status.as_u16(),
            response_body: received.as_ref(),
        });
        assert_eq!(
            checked,
            Ok(()),
            "{} {} sent {sent:?}",
            exchange.method,
            exchange.path
        );
    }
}
