//! Whether a component answers on its health endpoint.

use std::time::Duration;

use opstella_adapters::{Removal, Removed, StepError};
use opstella_domain::naming::KubernetesName;
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::world::{NAMESPACE, World, a_run, cases, namespace};

const PROXY: &str = "/api/v1/namespaces/payments--checkout--dev/services/api:http/proxy/healthz";

pub fn smoke() -> Operation {
    Operation::KubernetesSmoke {
        namespace: namespace(),
        service: KubernetesName::component(&"api".parse().unwrap()),
        path: "/healthz".into(),
    }
}

fn answer(status: u16, body: impl Into<Value>) -> Fault {
    Fault::on("kubernetes")
        .method("GET")
        .path(PROXY)
        .status(status)
        .body(body)
}

/// What the API server says itself.
fn refusal(status: u16, reason: &str) -> Fault {
    let body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                       "message": format!("{reason} of the API server"), "reason": reason, "code": status });
    answer(status, body)
}

async fn meets(fault: Fault) -> Result<Provenance, StepError> {
    let world = World::new().await;
    world.sandbox.add_fault(fault).unwrap();
    world.ensure(&smoke(), a_run()).await
}

#[tokio::test]
async fn what_answers_with_2xx_is_fine_whatever_it_says() {
    for fault in [
        answer(200, "ok"),
        answer(204, ""),
        answer(200, json!({ "kind": "Health" })),
    ] {
        assert_eq!(meets(fault).await.unwrap(), Provenance::Existing);
    }
}

#[tokio::test]
async fn what_has_not_come_up_yet_passes() {
    let unreachable = Fault::on("kubernetes").path(PROXY).drop_before();
    for fault in [
        refusal(503, "ServiceUnavailable"),
        refusal(404, "NotFound"),
        refusal(500, "InternalError"),
        answer(503, "draining"),
        unreachable,
    ] {
        let error = meets(fault.clone()).await.unwrap_err();
        assert!(
            matches!(error, StepError::Transient { .. }),
            "{fault:?}: {error:?}"
        );
    }
    let error = meets(answer(429, "Too many requests").retry_after(7))
        .await
        .unwrap_err();
    let after = Duration::from_secs(7);
    assert!(
        matches!(error, StepError::Transient { retry_after: Some(a), .. } if a == after),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_component_that_is_ill_says_so_for_good() {
    for status in [500, 502, 404, 401, 302] {
        let error = meets(answer(status, "no database")).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        let text = error.to_string();
        for part in [
            "does not answer on its health endpoint",
            NAMESPACE,
            "no database",
            &status.to_string(),
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[tokio::test]
async fn the_api_servers_own_refusals_are_not_the_components() {
    let error = meets(refusal(401, "Unauthorized")).await.unwrap_err();
    assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");
    let error = meets(refusal(403, "Forbidden")).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    assert!(
        error.to_string().contains("give Opstella's account the right"),
        "{error}"
    );
}

#[tokio::test]
async fn where_nothing_runs_it_waits_and_where_it_looked_nothing_is_undone() {
    let (world, run) = (World::new().await, a_run());
    let error = world.ensure(&smoke(), run).await.unwrap_err();
    assert!(
        matches!(error, StepError::Transient { .. }),
        "no namespace: {error:?}"
    );
    world.ensure(&cases()[0].operation, run).await.unwrap();
    let error = world.ensure(&smoke(), run).await.unwrap_err();
    assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
    assert!(error.to_string().contains("no endpoints available"), "{error}");
    assert_eq!(world.remove(&smoke(), run, Removal::ThisRun).await, Removed::Kept);
}
