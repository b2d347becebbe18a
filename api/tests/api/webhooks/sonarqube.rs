//! SonarQube's.

use hmac::{Hmac, KeyInit, Mac};
use opstella_domain::evidence::ReportKind;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{RELEASE, SONAR, commit, send, with_release};
use crate::support::{Answer, Server, eventually};

/// What SonarQube sends of an analysis.
fn analysis(project: &str, commit: &str, gate: &str) -> Value {
    json!({
        "status": "SUCCESS", "analysedAt": "2026-11-25T10:46:28+0100", "revision": commit,
        "project": {"key": project, "name": "api"},
        "branch": {"name": "main", "type": "BRANCH", "isMain": true},
        "qualityGate": {"name": "Sonar way", "status": gate, "conditions": []},
    })
}

fn signature(secret: &str, body: &str) -> String {
    let mut hash = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hash.update(body.as_bytes());
    hex::encode(hash.finalize().into_bytes())
}

async fn from_sonarqube(server: &Server, secret: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let signature = signature(secret, &body);
    let header = ("X-Sonar-Webhook-HMAC-SHA256", signature.as_str());
    send(server, "sonarqube", Some(header), &body).await
}

async fn evidence_events(server: &Server) -> Vec<Value> {
    let events = server.get("/events?project=payments&limit=200").await.expect(200);
    let events = events.body["items"].as_array().unwrap().clone();
    let added = |event: &Value| event.to_string().contains("EvidenceAdded");
    events.into_iter().filter(added).collect()
}

async fn stored(server: &Server, table: &str) -> i64 {
    let sql = match table {
        "reports" => "SELECT count(*) FROM reports",
        _ => "SELECT count(*) FROM events WHERE event_type = 'EvidenceAdded'",
    };
    let pool = server.serving.as_ref().unwrap().state().journal.pool();
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quality_gate_becomes_evidence_once() {
    let server = with_release().await;
    let body = analysis("payments:checkout:api", &commit("a"), "ERROR");
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    let evidence = eventually("the gate is shown", || async {
        let release = server.get(RELEASE).await.expect(200);
        let evidence = release.body["images"][0]["evidence"].as_array().unwrap().clone();
        evidence.first().cloned()
    })
    .await;
    assert_eq!(evidence["kind"], "quality-gate", "{evidence:#}");
    assert_eq!(evidence["verdict"], "failed", "{evidence:#}");
    // The original is what was sent.
    let report = evidence["report"].as_str().unwrap();
    let original = server
        .get(&format!("{RELEASE}/evidence/{report}"))
        .await
        .expect(200);
    assert_eq!(original.body, body);
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    assert_eq!(
        (stored(&server, "events").await, stored(&server, "reports").await),
        (1, 1)
    );
    let events = eventually("the event is listed", || async {
        let events = evidence_events(&server).await;
        (!events.is_empty()).then_some(events)
    })
    .await;
    assert!(
        events[0].to_string().contains("system:webhook-sonarqube"),
        "{:#}",
        events[0]
    );
    // The second did not ask Vault again.
    assert_eq!(server.tools.reads(SONAR), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_is_refused_and_says_nothing() {
    let server = with_release().await;
    let body = analysis("payments:checkout:api", &commit("a"), "OK").to_string();
    let header = "X-Sonar-Webhook-HMAC-SHA256";
    let right = signature("sonar's secret", &body);
    let wrong = signature("another secret", &body);
    let empty = signature("", &body);
    let mut said = Vec::new();
    for given in [
        None,
        Some(wrong.as_str()),
        Some(empty.as_str()),
        Some("zz"),
        Some(&right[..62]),
    ] {
        let answer = send(&server, "sonarqube", given.map(|value| (header, value)), &body).await;
        said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    }
    // The signature of another body.
    let other = body.replace("OK", "ERROR");
    let answer = send(&server, "sonarqube", Some((header, &right)), &other).await;
    said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    // Nothing that is there, and nothing that can be read; a token of the issuer is no signature.
    for key in [
        "payments:checkout:none",
        "none:none:none",
        "payments-checkout-api",
        "",
    ] {
        let body = analysis(key, &commit("a"), "OK");
        let answer = from_sonarqube(&server, "sonar's secret", &body).await;
        said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    }
    for body in ["", "{", "[]", "null", "{\"project\": 1}"] {
        let signature = signature("sonar's secret", body);
        let answer = send(&server, "sonarqube", Some((header, &signature)), body).await;
        said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    }
    let answer = server.post(
        "/webhooks/sonarqube",
        analysis("payments:checkout:api", &commit("a"), "OK"),
    );
    said.push(answer.await.problem(401, "unauthenticated").body["detail"].clone());
    assert!(said.iter().all(|detail| *detail == said[0]), "{said:#?}");
    assert_eq!(
        (stored(&server, "events").await, stored(&server, "reports").await),
        (0, 0)
    );
    // Vault is asked only about what is there.
    assert_eq!(server.tools.reads("none/none/platform/webhook/sonarqube/none"), 0);
    let huge = "x".repeat((1 << 20) + 1);
    let answer = send(&server, "sonarqube", Some((header, &right)), &huge).await;
    answer.problem(413, "too-large");
    server
        .get("/webhooks/sonarqube")
        .await
        .problem(405, "method-not-allowed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_and_says_nothing_of_a_release_is_taken_and_not_kept() {
    let server = with_release().await;
    let good = || analysis("payments:checkout:api", &commit("a"), "OK");
    let mut merge_request = good();
    merge_request["branch"] = json!({"name": "7", "type": "PULL_REQUEST", "isMain": false});
    let mut branch = good();
    branch["branch"] = json!({"name": "nothing-new", "type": "BRANCH", "isMain": false});
    let mut without = good();
    without.as_object_mut().unwrap().remove("revision");
    let mut failed = good();
    failed["status"] = "FAILED".into();
    for body in [
        analysis("payments:checkout:api", &commit("b"), "OK"),
        analysis("payments:checkout:api", &commit("a"), "NONE"),
        merge_request,
        branch,
        without,
        failed,
    ] {
        from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    }
    assert_eq!(
        (stored(&server, "events").await, stored(&server, "reports").await),
        (0, 0)
    );
    // Signed, but not SonarQube's: whoever set it up is told.
    let odd = json!({"project": {"key": "payments:checkout:api"}, "revision": commit("a")});
    let answer = from_sonarqube(&server, "sonar's secret", &odd).await;
    answer.problem(422, "invalid-field");
    let metrics = server.get("//metrics").await.expect(200);
    let metrics = metrics.body.as_str().unwrap();
    for outcome in ["ignored", "refused"] {
        let line = format!("opstella_webhooks_total{{tool=\"sonarqube\",outcome=\"{outcome}\"}}");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_is_no_refusal() {
    let server = with_release().await;
    let body = analysis("payments:checkout:api", &commit("a"), "OK");
    server.tools.seal(true);
    let answer = from_sonarqube(&server, "sonar's secret", &body).await;
    answer.problem(503, "unavailable");
    // Nor does it tell which components are there.
    let nobodys = analysis("payments:checkout:nobody", &commit("a"), "OK");
    let answer = from_sonarqube(&server, "sonar's secret", &nobodys).await;
    answer.problem(503, "unavailable");
    server.tools.seal(false);
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    assert_eq!(stored(&server, "events").await, 1);
    server.stop().await;
}

/// Somebody resolves issues, and SonarQube sends another word on the same analysis; then the first comes again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_does_not_hide_what_was_said_since() {
    let server = with_release().await;
    let said_at = |time: &str, gate: &str| {
        let mut body = analysis("payments:checkout:api", &commit("a"), gate);
        body["changedAt"] = format!("2026-11-25T{time}+0100").into();
        body
    };
    let (first, second) = (said_at("10:46:40", "ERROR"), said_at("11:30:00", "OK"));
    for body in [&first, &second, &first, &second, &first] {
        from_sonarqube(&server, "sonar's secret", body).await.expect(202);
    }
    assert_eq!(stored(&server, "events").await, 2);
    let verdict = eventually("the second is shown", || async {
        let release = server.get(RELEASE).await.expect(200);
        let evidence = release.body["images"][0]["evidence"].as_array().unwrap().clone();
        let newest = evidence.iter().find(|e| e["kind"] == "quality-gate")?;
        (newest["verdict"] == "passed").then(|| newest["verdict"].clone())
    });
    assert_eq!(verdict.await, "passed");
    server.stop().await;
}

/// A time to come cannot be told from what is sent again later: the tool is asked instead.
#[tokio::test(flavor = "multi_thread")]
async fn where_sonarqubes_clock_is_ahead_it_is_asked() {
    let server = with_release().await;
    eventually("it was asked once, for the release", || async {
        (server.tools.asked(ReportKind::QualityGate).len() == 1).then_some(())
    })
    .await;
    let status = json!({"projectStatus": {"status": "ERROR", "conditions": []}});
    server.tools.report(ReportKind::QualityGate, &status);
    let mut body = analysis("payments:checkout:api", &commit("a"), "OK");
    body["changedAt"] = "2199-01-01T00:00:00+0000".into();
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    let events = eventually("evidence by the collector", || async {
        let events = evidence_events(&server).await;
        (!events.is_empty()).then_some(events)
    })
    .await;
    assert_eq!(
        (events.len(), &events[0]["actor"]),
        (1, &json!("system:collector"))
    );
    // What it says is the answer, not what was sent.
    eventually("the answer is shown", || async {
        let release = server.get(RELEASE).await.expect(200);
        (release.body["images"][0]["evidence"][0]["verdict"] == "failed").then_some(())
    })
    .await;
    server.stop().await;
}
