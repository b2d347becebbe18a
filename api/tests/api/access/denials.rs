//! Who was refused what is on record, for auditors.

use serde_json::{Value, json};

use super::{get, post, token};
use crate::support::{Server, checkout, eventually};

async fn denials(server: &Server, subject: &str) -> Vec<Value> {
    let path = format!("/events?event_type=AccessDenied&actor={subject}&limit=200&order=oldest-first");
    let found = get(server, &token(server, "erin"), &path).await.expect(200);
    found.body["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_see_who_was_refused_what() {
    let server = Server::start().await;
    server.furnish().await;
    let (judy, frank) = (token(&server, "judy"), token(&server, "frank"));
    get(&server, &judy, "/projects/payments")
        .await
        .problem(404, "not-found");
    get(&server, &judy, "/projects/nothing")
        .await
        .problem(404, "not-found");
    get(&server, &judy, "/delivery?project=payments")
        .await
        .problem(404, "not-found");
    post(&server, &frank, "/projects/payments/services", checkout())
        .await
        .problem(403, "forbidden");
    get(&server, &frank, "/tools").await.problem(403, "forbidden");
    let erin = token(&server, "erin");
    for (user, said) in [
        (
            "judy",
            vec![
                ("GetProject", Some("payments"), true),
                ("GetProject", Some("nothing"), true),
                ("GetDeliveryMetrics", Some("payments"), true),
            ],
        ),
        (
            "frank",
            vec![
                ("CreateService", Some("payments"), false),
                ("ListTools", None, false),
            ],
        ),
    ] {
        let subject = server.keycloak().subject_of(user);
        let found = eventually("the denials are on record", async || {
            let found = denials(&server, &subject).await;
            (found.len() == said.len()).then_some(found)
        })
        .await;
        for (event, (operation, project, hidden)) in found.iter().zip(said) {
            assert_eq!(event["aggregate_type"], "Access");
            assert_eq!(event["aggregate_id"], subject);
            assert_eq!(event["command"], operation);
            assert_eq!(event["actor_address"], "127.0.0.1");
            let path = format!("/events/{}", event["position"].as_str().unwrap());
            let detail = get(&server, &erin, &path).await.expect(200).body;
            let mut payload = json!({"operation": operation, "hidden": hidden});
            if let Some(project) = project {
                payload["project"] = project.into();
            }
            assert_eq!(detail["payload"]["AccessDenied"], payload);
            // They are nobody else's affair: not the owner's either.
            let alice = token(&server, "alice");
            get(&server, &alice, &path).await.problem(404, "not-found");
        }
    }
    let own = server.get("/events?event_type=AccessDenied").await.expect(200);
    assert_eq!(own.body["items"].as_array().unwrap().len(), 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_denials_is_counted_rather_than_kept() {
    let server = Server::start().await;
    let judy = token(&server, "judy");
    for _ in 0..45 {
        get(&server, &judy, "/tools").await.problem(403, "forbidden");
    }
    let subject = server.keycloak().subject_of("judy");
    eventually("thirty are on record", async || {
        (denials(&server, &subject).await.len() == 30).then_some(())
    })
    .await;
    let metrics = server.get("//metrics").await.expect(200);
    let text = metrics.body.as_str().unwrap();
    let count = |recorded: &str| {
        let line = text.lines().find(|line| {
            line.starts_with("opstella_denials_total{")
                && line.contains("ListTools")
                && line.contains(&format!("recorded=\"{recorded}\""))
        });
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    assert_eq!((count("true"), count("false")), (Some(30), Some(15)), "{text}");
    // Others are recorded as before.
    get(&server, &token(&server, "frank"), "/tools")
        .await
        .problem(403, "forbidden");
    let frank = server.keycloak().subject_of("frank");
    eventually("the other one is on record", async || {
        (denials(&server, &frank).await.len() == 1).then_some(())
    })
    .await;
    server.stop().await;
}
